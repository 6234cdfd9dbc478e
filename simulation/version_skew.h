#pragma once

#include <string>

namespace remuda {

// Makes a frame what a later version might say: the same, and a field that
// this build does not know.
//
// Thread: any.
void AddUnknownField(std::string& frame);

}  // namespace remuda

#pragma once

#include <string>

namespace remuda {

// What of a job type's work this is, within 200 bytes: the `function` of a job
// in Python, the program of a command; empty for types that have only one.
// `with` is the job's parameters as JSON; templates in it stay as they are.
std::string WorkName(const std::string& type, const std::string& with);

}  // namespace remuda

#pragma once

#include <string>

#include "coordinator/core/event.h"

namespace remuda {

// One line for a person who follows a run.
std::string Describe(const Event& event);

}  // namespace remuda

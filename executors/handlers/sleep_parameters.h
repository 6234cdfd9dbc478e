#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"

namespace remuda {

// How long a `sleep` attempt sleeps, from its rendered parameters.
// Errors: InvalidArgument unless `seconds` is a number from 0 to a year.
absl::StatusOr<Duration> ParseSleepParameters(const std::string& parameters);

}  // namespace remuda

#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace remuda {

// The `with:` of a job of type `command`, rendered for one task.
struct CommandParameters {
  std::vector<std::string> argv;         // not empty
  std::vector<std::string> environment;  // "NAME=value", the job's own
  std::string directory;                 // empty: one of the attempt's own
  std::string standard_input;
};

// Errors: InvalidArgument, with the name of the parameter.
absl::StatusOr<CommandParameters> ParseCommandParameters(
    const std::string& parameters);

// The text parameter `name`; empty if there is none.
std::string TextParameter(const std::string& parameters,
                          const std::string& name);

}  // namespace remuda

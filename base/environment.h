#pragma once

#include <optional>
#include <string>

namespace remuda {

// The environment variable's value; nullopt if it is not set. Only main() and
// what reads configuration ask: all else is told in its constructor.
std::optional<std::string> EnvironmentVariable(const std::string& name);

}  // namespace remuda

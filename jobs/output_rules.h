#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "jobs/job.h"

namespace remuda {

inline constexpr size_t kOutputPatternsMax = 64;
inline constexpr size_t kOutputPathBytesMax = 1024;

// Why `pattern` cannot name files of a task's folder; empty if it can. It is
// relative, stays in the folder, and each of its parts is a pattern of its own
// (*, ? and [...]), so that `*` never stands for a slash.
std::string WhyBadOutputPattern(std::string_view pattern);

// Whether the rules fit the job's type: commands say which files are results,
// python functions return them, and other types have none.
// Errors: InvalidArgument, for a person.
absl::Status CheckOutputRules(const Job& job);

}  // namespace remuda

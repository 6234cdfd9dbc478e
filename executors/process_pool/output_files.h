#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jobs/ids.h"
#include "jobs/job.h"

namespace remuda {

// More files of one task, or more bytes of their paths, are refused: they are
// listed in its result, beside what it printed.
inline constexpr size_t kOutputFilesMax = 1000;
inline constexpr size_t kOutputNamesBytesMax = size_t{32} << 10;

// A file that is a result.
struct OutputFile {
  std::string path;  // where it is now
  uint64_t bytes = 0;
};

// Moves the files in `folder` that the rules name to `rules.to/INDEX/`, under
// the names that they have in `folder`. They appear there all at once, in place
// of those of an earlier attempt; after an error nothing has changed there.
// Nothing may write into `folder` meanwhile. On another file system they are
// copied by the kernel, so this may take as long as the disk does.
//
// Errors: NotFound if a pattern names no file; FailedPrecondition for what is
//         no plain file, such as a symbolic link; ResourceExhausted for too
//         many files; Internal with the system's words, as for a full disk.
absl::StatusOr<std::vector<OutputFile>> CollectOutputs(
    const std::string& folder, const OutputRules& rules, AttemptId attempt);

}  // namespace remuda

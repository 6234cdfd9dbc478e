#pragma once

#include "absl/status/status.h"

namespace remuda {

// What every sub-command ends with (docs/CLI.md). Scripts rely on these.
enum class ExitCode : int {
  kOk = 0,            // the job succeeded by its own policy; or accepted
  kJobFailed = 1,     // the job ended otherwise
  kUsage = 2,         // usage or spec error
  kUnreachable = 3,   // the coordinator is unreachable or busy
  kTimedOut = 4,      // gave up waiting, as asked
  kNotFound = 5,      // not found or forbidden
  kInterrupted = 130  // Ctrl-C
};

// The exit code for a failed call: NotFound and PermissionDenied give 5,
// DeadlineExceeded 4, Cancelled 130, Unavailable and ResourceExhausted 3, and
// everything else 2.
ExitCode ExitCodeFor(const absl::Status& status);

}  // namespace remuda

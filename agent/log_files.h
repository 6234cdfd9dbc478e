#pragma once

#include <string>

#include "absl/status/status.h"
#include "agent/core/log_uploads.h"

namespace remuda {

// The files `stdout` and `stderr` of an ended attempt, which an executor left
// in a folder of this agent because they were too long for its outcome.
//
// All functions block for one bounded read of a local file. Thread: any.

// Reads at most `bytes_max` from `offset` on. A file that is missing or not an
// ordinary one reads as empty.
LogRead ReadLogFile(const ReadLog& read);

// Deletes the two files and the folder. Anything else in it is no business of
// ours and stays, with the folder.
absl::Status DeleteLogFolder(const std::string& folder);

}  // namespace remuda

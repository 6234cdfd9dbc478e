#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"

namespace remuda {

// A program that is given a script to run, as an interpreter is.
struct ScriptRun {
  std::string program;      // found by PATH if it is a bare name
  std::string script;       // its bytes, handed over without a file on disk
  std::string script_path;  // instead of the bytes, if not empty
  std::vector<std::string> arguments;
};

// What it prints on standard output; its input is empty, its standard error
// is dropped, of the environment it has PATH only. Killed when the time is
// over.
//
// Errors: NotFound if it cannot be started; DeadlineExceeded; ResourceExhausted
//         beyond `bytes_max`; Internal.
//
// Thread: any; blocks.
absl::StatusOr<std::string> OutputOf(const ScriptRun& run, Duration time_max,
                                     size_t bytes_max);

}  // namespace remuda

#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace remuda {

// A job type that a worker of this installation's own hosts.
struct OwnWorker {
  std::string type;
  std::vector<std::string> argv;  // empty: other processes host it
};

// Reads "TYPE=COMMAND;TYPE=COMMAND". Coordinators and clients need the types
// alone, so "=COMMAND" may be missing. Words are split at spaces; those that
// name a file here become whole paths, as workers start in folders of their
// own. A first word without a slash is a program of the PATH.
//
// Errors: InvalidArgument for an entry without a type, or with an empty
//         command.
absl::StatusOr<std::vector<OwnWorker>> ParseOwnWorkers(const std::string& text);

// Makes the types known to everything in this process. What is refused may
// leave some of them added: the process is to end.
//
// Thread: main(), before any other exists.
// Errors: InvalidArgument as above, or for what is no name of a type;
//         AlreadyExists if there is one of that name.
absl::Status LearnOwnWorkers(const std::string& text);

// Those that LearnOwnWorkers() has found, in its order.
const std::vector<OwnWorker>& KnownOwnWorkers();

}  // namespace remuda

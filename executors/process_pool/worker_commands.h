#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "executors/process_pool/process_pool_options.h"

namespace remuda {

// Runs noop and sleep: `program worker FD`; "/proc/self/exe" for this program.
WorkerCommand NativeWorker(const std::string& program);

// Runs jobs of type python. `script` is the path of remuda_worker.py.
WorkerCommand PythonWorker(const std::string& script);

// Where remuda_worker.py is: what REMUDA_PYTHON_WORKER says, or else beside
// this program as installed (../share/remuda), or as built from the sources.
// Errors: NotFound, with the places that were looked at.
absl::StatusOr<std::string> FindPythonWorker();

}  // namespace remuda

#pragma once

#include <string>

#include "executors/workers/worker_command.h"

namespace remuda {

// Runs noop and sleep: `program worker FD`; "/proc/self/exe" for this program.
WorkerCommand NativeWorker(const std::string& program);

// Runs jobs of type python. `script` is the path of remuda_worker.pyz.
WorkerCommand PythonWorker(const std::string& script);

}  // namespace remuda

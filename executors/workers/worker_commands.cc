#include "executors/workers/worker_commands.h"

#include "workers/protocol/worker_channel.h"

namespace remuda {
WorkerCommand NativeWorker(const std::string& program) {
  WorkerCommand command;
  command.argv = {program, "worker", std::to_string(kWorkerChannelFd)};
  command.job_types = {"noop", "sleep", "vector.axpb"};
  command.reads_items = false;
  command.name = "the native worker";
  command.can_be_zygote = true;
  return command;
}

WorkerCommand PythonWorker(const std::string& script) {
  WorkerCommand command;
  command.argv = {"python3", script};
  command.job_types = {"python"};
  command.program_parameter = "python";
  command.name = "the Python worker";
  command.can_be_zygote = true;
  return command;
}

}  // namespace remuda

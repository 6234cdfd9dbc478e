#include "executors/process_pool/worker_commands.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "base/environment.h"
#include "workers/protocol/worker_channel.h"

namespace remuda {
namespace {

constexpr char kScript[] = "remuda_worker.py";
constexpr char kScriptVariable[] = "REMUDA_PYTHON_WORKER";

}  // namespace

WorkerCommand NativeWorker(const std::string& program) {
  WorkerCommand command;
  command.argv = {program, "worker", std::to_string(kWorkerChannelFd)};
  command.job_types = {"noop", "sleep"};
  command.reads_items = false;
  command.name = "the native worker";
  return command;
}

WorkerCommand PythonWorker(const std::string& script) {
  WorkerCommand command;
  command.argv = {"python3", script};
  command.job_types = {"python"};
  command.program_parameter = "python";
  command.name = "the Python worker";
  return command;
}

absl::StatusOr<std::string> FindPythonWorker() {
  namespace fs = std::filesystem;
  std::vector<fs::path> places;
  const auto told = EnvironmentVariable(kScriptVariable);
  std::error_code ignored;
  if (told.has_value()) {
    places.emplace_back(*told);
  } else {
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
    const fs::path folder = program.parent_path();
    places.push_back(folder.parent_path() / "share/remuda" / kScript);
    const fs::path in_sources = fs::path("workers/python") / kScript;
    places.push_back(fs::path(program.string() + ".runfiles") / "remuda" /
                     in_sources);
    // bazel-bin/cli/remuda, three folders below the sources by its own path,
    // and the working folder.
    for (fs::path above = folder; above.has_relative_path();
         above = above.parent_path()) {
      places.push_back(above / in_sources);
    }
    places.push_back(fs::current_path(ignored) / in_sources);
  }
  std::string looked;
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place, ignored)) {
      return fs::absolute(place, ignored).string();
    }
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  return absl::NotFoundError(std::string("no ") + kScript + " in: " + looked);
}

}  // namespace remuda

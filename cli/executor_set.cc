#include "cli/executor_set.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/log.h"
#include "cli/own_workers.h"
#include "cli/plugins.h"
#include "cli/usable_resources.h"
#include "executors/async/async_executor.h"
#include "executors/handlers/async_handlers.h"
#include "executors/handlers/blocking_handlers.h"
#include "executors/hosted/hosted_executor.h"
#include "executors/process_pool/process_pool_executor.h"
#include "executors/processes/control_groups.h"
#include "executors/routed_executor.h"
#include "executors/thread_pool/thread_pool_executor.h"
#include "executors/workers/worker_commands.h"
#include "jobs/job_type.h"
#include "workers/python/worker_source.h"

namespace remuda {
namespace {

constexpr char kSelf[] = "/proc/self/exe";

// The types that ship with handlers for an executor of this kind.
std::vector<std::string> NativeTypesOn(ExecutorKind kind) {
  std::vector<std::string> names;
  for (const JobType& type : ShippedJobTypes()) {
    if (type.runs_user_code) continue;
    for (const ExecutorKind legal : type.executors) {
      if (legal == kind) names.push_back(type.name);
    }
  }
  return names;
}

// Workers of its own for each plugin, so that one's crash is not another's.
void AddPluginWorkers(ExecutorKind kind, std::vector<WorkerCommand>& workers) {
  for (const KnownPlugin& plugin : KnownPlugins()) {
    const auto types = plugin.job_types.find(kind);
    if (types == plugin.job_types.end()) continue;
    WorkerCommand command = NativeWorker(kSelf);
    command.argv.insert(command.argv.end(), {"--plugin", plugin.path});
    command.job_types = types->second;
    command.name = "the worker of plugin '" + plugin.name + "'";
    workers.push_back(std::move(command));
  }
}

void AddOwnWorkers(std::vector<WorkerCommand>& workers) {
  for (const OwnWorker& worker : KnownOwnWorkers()) {
    if (worker.argv.empty()) continue;
    workers.push_back({.argv = worker.argv,
                       .job_types = {worker.type},
                       .name = "the worker of '" + worker.type + "'"});
  }
}

absl::StatusOr<std::string> PythonScript(const std::string& folder) {
  const std::optional<std::string> named =
      EnvironmentVariable("REMUDA_PYTHON_WORKER");
  if (named) return *named;
  const std::string path = folder + "/remuda_worker.pyz";
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << PythonWorkerSource();
  file.close();
  if (!file) {
    return absl::FailedPreconditionError("cannot write the Python worker to " +
                                         path);
  }
  return path;
}

// What the machine lets this agent do about limits of tasks, found once.
const ControlGroupPlaces& PlacesForGroups() {
  static const auto& places = *[] {
    ControlGroupOptions options;
    options.use = EnvironmentVariable("REMUDA_LIMITS") != "sampling";
    options.parent = EnvironmentVariable("REMUDA_CGROUP").value_or("");
    auto* found = new ControlGroupPlaces(FindControlGroups(options));
    RemoveLeftGroups(*found);
    Log(LogLevel::kInfo, "limits_found",
        "Limits of tasks are kept by: " + Describe(*found) + ".",
        {{"limits", Describe(*found)}});
    return found;
  }();
  return places;
}

// What an executor may have: attempts at once, and processes that host them.
struct Room {
  uint64_t slots = 0;
  uint64_t workers = 0;
};

absl::StatusOr<RoutedExecutor::Part> MakeHosted(
    ExecutorKind kind, const Room& room, const ExecutorSurroundings& around,
    Executor::Notify notify) {
  const std::string folder =
      std::filesystem::absolute(around.work_folder).string();
  absl::StatusOr<std::string> script = PythonScript(folder);
  if (!script.ok()) return script.status();
  HostedOptions options;
  options.kind = kind;
  options.slots = room.slots;
  options.workers_max = std::min(room.slots, room.workers);
  options.work_folder = folder + "/hosted";
  options.log_folder = folder + "/logs";
  options.ties = around.ties;
  options.groups = PlacesForGroups();
  options.workers = {PythonWorker(*script)};
  AddPluginWorkers(kind, options.workers);
  std::vector<std::string> types;
  for (const WorkerCommand& worker : options.workers) {
    types.insert(types.end(), worker.job_types.begin(), worker.job_types.end());
  }
  absl::StatusOr<std::unique_ptr<HostedExecutor>> executor =
      HostedExecutor::Create(std::move(options), *around.clock,
                             std::move(notify));
  if (!executor.ok()) return executor.status();
  return RoutedExecutor::Part{.executor = *std::move(executor),
                              .job_types = std::move(types)};
}

// Handlers that ship run in the agent, a user's in workers.
absl::StatusOr<ExecutorEntry> MakeRouted(const Room& room,
                                         const ExecutorSurroundings& around,
                                         const RoutedExecutor::MakePart& native,
                                         ExecutorKind kind) {
  const RoutedExecutor::MakePart hosted = [&](Executor::Notify notify) {
    return MakeHosted(kind, room, around, std::move(notify));
  };
  absl::StatusOr<std::unique_ptr<RoutedExecutor>> routed =
      RoutedExecutor::Create(room.slots, {native, hosted}, around.notify);
  if (!routed.ok()) return routed.status();
  std::vector<std::string> types = (*routed)->job_types();
  return ExecutorEntry{.executor = *std::move(routed),
                       .job_types = std::move(types)};
}

absl::StatusOr<ExecutorEntry> MakeAsync(const Room& room,
                                        const ExecutorSurroundings& around) {
  const auto native = [&](Executor::Notify notify) {
    return RoutedExecutor::Part{
        .executor = std::make_unique<AsyncExecutor>(
            AsyncExecutorOptions{.slots = room.slots}, ShippedAsyncHandlers,
            *around.clock, std::move(notify)),
        .job_types = NativeTypesOn(ExecutorKind::kAsync)};
  };
  return MakeRouted(room, around, native, ExecutorKind::kAsync);
}

absl::StatusOr<ExecutorEntry> MakeThreadPool(
    const Room& room, const ExecutorSurroundings& around) {
  const auto native = [&](Executor::Notify notify) {
    return RoutedExecutor::Part{
        .executor = std::make_unique<ThreadPoolExecutor>(
            ThreadPoolOptions{.slots = room.slots}, ShippedBlockingHandlers(),
            *around.clock, std::move(notify)),
        .job_types = NativeTypesOn(ExecutorKind::kThreadPool)};
  };
  return MakeRouted(room, around, native, ExecutorKind::kThreadPool);
}

absl::StatusOr<ExecutorEntry> MakeProcessPool(
    uint64_t slots, const ExecutorSurroundings& around) {
  const std::string folder =
      std::filesystem::absolute(around.work_folder).string();
  absl::StatusOr<std::string> script = PythonScript(folder);
  if (!script.ok()) return script.status();
  ProcessPoolOptions options;
  options.slots = slots;
  options.work_folder = folder + "/attempts";
  options.log_folder = folder + "/logs";
  options.ties = around.ties;
  options.groups = PlacesForGroups();
  options.workers = {NativeWorker(kSelf), PythonWorker(*script)};
  AddPluginWorkers(ExecutorKind::kProcessPool, options.workers);
  AddOwnWorkers(options.workers);
  absl::StatusOr<std::unique_ptr<ProcessPoolExecutor>> executor =
      ProcessPoolExecutor::Create(std::move(options), /*spawner=*/nullptr,
                                  *around.clock, around.notify);
  if (!executor.ok()) return executor.status();
  std::vector<std::string> types = (*executor)->job_types();
  return ExecutorEntry{.executor = *std::move(executor),
                       .job_types = std::move(types)};
}

}  // namespace

std::vector<ExecutorFactory> ShippedExecutors(
    const std::map<ExecutorKind, uint64_t>& slots, uint64_t workers) {
  if (workers == 0) {
    workers = UsableCores(std::max(1U, std::thread::hardware_concurrency()));
  }
  std::vector<ExecutorFactory> factories;
  for (const auto& [kind, count] : slots) {
    if (count == 0) continue;
    factories.push_back(
        [kind = kind, room = Room{.slots = count, .workers = workers}](
            const ExecutorSurroundings& around)
            -> absl::StatusOr<ExecutorEntry> {
          switch (kind) {
            case ExecutorKind::kAsync:
              return MakeAsync(room, around);
            case ExecutorKind::kThreadPool:
              return MakeThreadPool(room, around);
            case ExecutorKind::kProcessPool:
              return MakeProcessPool(room.slots, around);
          }
          return absl::InternalError("an executor that nobody knows");
        });
  }
  return factories;
}

}  // namespace remuda

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "executors/executor.h"
#include "executors/processes/spawner_ties.h"

namespace remuda {

// One executor of this agent and the job types that it can run.
struct ExecutorEntry {
  std::unique_ptr<Executor> executor;
  std::vector<std::string> job_types;
};

// What the agent gives an executor.
struct ExecutorSurroundings {
  Executor::Notify notify;
  const Clock* clock = nullptr;  // outlives the executor
  // For files of attempts: 0700, and emptied when the next agent starts.
  std::string work_folder;
  // What its processes are tied to.
  SpawnerTies ties;
};

// How main() says which executors there are, so that the agent knows none of
// them by name. Called once, before the control loop starts.
using ExecutorFactory = std::function<absl::StatusOr<ExecutorEntry>(
    const ExecutorSurroundings& surroundings)>;

}  // namespace remuda

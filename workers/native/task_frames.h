#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "jobs/attempt.h"

namespace remuda {

// The messages of docs/WORKER_PROTOCOL.md as the native worker sees them.

// Tasks of one job, in order.
struct TaskBatch {
  struct Task {
    uint64_t number = 0;
    AttemptId id;
    std::string parameters;  // empty: those of the batch
  };

  std::shared_ptr<const JobWork> work;  // its id and job type only
  std::string parameters;
  std::vector<Task> tasks;
};

struct CancelTask {
  uint64_t number = 0;
};

struct DrainWorker {};

struct PingWorker {
  uint64_t number = 0;
};

// What a worker is used for (docs/WORKER_PROTOCOL.md, "Modes").
enum class WorkerUse : uint8_t { kProcess, kThreads, kLoop };

struct WelcomeWorker {
  WorkerUse use = WorkerUse::kProcess;
  uint64_t slots = 1;  // tasks at the same time, at least 1
  std::string log_folder;
};

// Of a type that this worker does not know.
struct OtherMessage {};

using PoolMessage = std::variant<TaskBatch, CancelTask, DrainWorker, PingWorker,
                                 WelcomeWorker, OtherMessage>;

// Errors: InvalidArgument.
absl::StatusOr<PoolMessage> ParsePoolMessage(std::string_view body);

}  // namespace remuda

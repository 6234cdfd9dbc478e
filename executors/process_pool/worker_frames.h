#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "executors/process_pool/pool_task.h"

namespace remuda {

// The messages of docs/WORKER_PROTOCOL.md as the pool sees them.

struct WorkerHello {
  int protocol = 0;
  std::string language;  // "python 3.11.2"
  int32_t pid = 0;       // as the worker says
};

struct WorkerReady {
  size_t credits = 1;  // how many tasks it is willing to hold
};

// How one task ended, or `count` neighbours alike.
struct WorkerResult {
  enum class Ending : uint8_t { kSucceeded, kError, kCancelled, kReturned };

  uint64_t first = 0;
  uint64_t count = 1;
  Ending ending = Ending::kSucceeded;
  std::string output;  // JSON text
  std::string error;
  Duration wall = Duration::zero();  // of all of them
  std::optional<Duration> cpu;
  std::optional<uint64_t> switches_voluntary;
  std::optional<uint64_t> switches_involuntary;
};

struct WorkerLog {
  uint64_t task = 0;
  bool is_stderr = false;
  std::string text;
  std::string file;  // a name in the log folder that holds it instead
};

// Known to the protocol, and of no interest to the pool.
struct WorkerRemark {};

using WorkerMessage =
    std::variant<WorkerHello, WorkerReady, std::vector<WorkerResult>, WorkerLog,
                 WorkerRemark>;

// Errors: InvalidArgument if it breaks the protocol; says how.
absl::StatusOr<WorkerMessage> ParseWorkerMessage(std::string_view body);

std::string WelcomeMessage(const std::string& log_folder);
std::string CancelMessage(uint64_t task);
std::string DrainMessage();

// Tasks of one job, in the order of `worker_task`. As a range if nothing but
// index and number tells them apart. Items are left out where the job's
// handlers do not look at them.
std::string TasksMessage(std::span<PoolTask* const> tasks, bool with_items);

}  // namespace remuda

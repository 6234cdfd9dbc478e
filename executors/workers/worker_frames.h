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
#include "executors/finding.h"
#include "jobs/attempt.h"
#include "jobs/outcome.h"

namespace remuda {

// The messages of docs/WORKER_PROTOCOL.md as the agent sees them.

enum class WorkerMode : uint8_t { kProcess, kThreads, kLoop };

std::string_view Name(WorkerMode mode);

// What a worker is used for; fixed when it is greeted.
struct WorkerHosting {
  WorkerMode mode = WorkerMode::kProcess;
  size_t slots = 1;   // tasks at the same time
  uint32_t cpus = 1;  // that one task may use
};

struct WorkerHello {
  int protocol = 0;
  std::string language;  // "python 3.11.2"
  int32_t pid = 0;       // as the worker says
  std::vector<std::string> modes = {"process"};
  std::string facts;              // the JSON text of an object; empty if none
  bool is_free_threaded = false;  // Python without its interpreter's lock
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
  Usage usage;                       // of all of them
};

struct WorkerLog {
  uint64_t task = 0;
  bool is_stderr = false;
  std::string text;
  std::string file;  // a name in the log folder that holds it instead
};

// A finding of the task with that number, 0 if of none, or its progress. The
// finding's own task, and the job of progress, are the reader's to fill in.
struct WorkerFinding {
  uint64_t task = 0;
  Finding finding;
};

struct WorkerPong {
  uint64_t number = 0;
};

// Facts of the worker's runtime, as the JSON text of an object: that have
// changed since its hello.
struct WorkerFacts {
  std::string json;
};

// Its loop has no time for more tasks.
struct WorkerFull {};

// Known to the protocol, and of no interest to the agent.
struct WorkerRemark {};

using WorkerMessage =
    std::variant<WorkerHello, WorkerReady, std::vector<WorkerResult>, WorkerLog,
                 WorkerFinding, WorkerPong, WorkerFacts, WorkerFull,
                 WorkerRemark>;

// A task as a worker gets it.
struct WorkerTask {
  uint64_t number = 0;
  const Attempt* attempt = nullptr;
  std::string_view parameters;  // rendered; empty if all tasks share them
};

// Errors: InvalidArgument if it breaks the protocol; says how.
absl::StatusOr<WorkerMessage> ParseWorkerMessage(std::string_view body);

std::string WelcomeMessage(const std::string& log_folder,
                           const WorkerHosting& hosting);
std::string CancelMessage(uint64_t task);
std::string DrainMessage();
std::string PingMessage(uint64_t number);

// Tasks of one job, in the order of their numbers. As a range if nothing but
// index and number tells them apart. Items are left out where the job's
// handlers do not look at them.
std::string TasksMessage(std::span<const WorkerTask> tasks, bool with_items);

// For a worker that waits: tasks like this one may come, which it may make
// itself ready for.
std::string PrepareMessage(const WorkerTask& task);

}  // namespace remuda

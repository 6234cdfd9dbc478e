#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "jobs/ids.h"

namespace remuda {

// How an attempt ended. The numbers are stored and sent; they never change.
enum class Ending : uint8_t {
  kSucceeded = 0,
  kError = 1,      // the handler said no, or an exit code other than 0
  kTimeout = 2,    // stopped because its time was up
  kCrash = 3,      // ended by a signal that nobody of us sent
  kOom = 4,        // ended for want of memory
  kCancelled = 5,  // stopped because the job was cancelled
  kEvicted = 6,    // stopped for no fault of its own; never charged
};

std::string_view Name(Ending ending);

// What the attempt used; unknown is empty, never zero.
struct Usage {
  std::optional<Duration> cpu;
  std::optional<Duration> run_queue_delay;
  std::optional<uint64_t> switches_voluntary;
  std::optional<uint64_t> switches_involuntary;
  std::optional<uint64_t> memory_max_bytes;
  std::optional<Duration> gil_wait;
  std::optional<Duration> gil_held;   // it kept Python's lock, running
  std::optional<Duration> loop_wait;  // ready, before its turn on the loop
  std::optional<Duration> loop_lag;
  std::optional<uint64_t> bytes_in;
  std::optional<uint64_t> bytes_out;

  friend bool operator==(const Usage&, const Usage&) = default;
};

// What an executor reports of one attempt, exactly once.
struct Outcome {
  AttemptId id;
  Ending ending = Ending::kSucceeded;
  bool started = true;   // false: was stopped before its code began
  int exit_code = 0;     // of a command that exited; else 0
  std::string output;    // JSON text; empty means null
  std::string error;     // for a person: what happened, what to do
  std::string log_path;  // stdout and stderr too big for `output`: a folder
                         // of the agent with files `stdout`, `stderr`
  Duration wall = Duration::zero();
  Usage usage;
};

}  // namespace remuda

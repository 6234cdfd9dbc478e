#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "wire/bucket_counts.h"

namespace remuda {

// In seconds.
inline constexpr std::array kStartDelayBounds = {
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
    0.05,   0.1,    0.2,    0.5,   1.0,   5.0,   30.0, 300.0};

// Of docs/WORKER_PROTOCOL.md; whatever else a worker calls its finding counts
// as the last.
inline constexpr std::array<std::string_view, 5> kFindingCodes = {
    "loop_blocked", "blocking_call", "shared_object", "gil_enabled", "other"};

// What the agent core has counted since its start, for the metrics. Nothing is
// decided by these.
struct AgentCounters {
  static constexpr size_t kEndings = 7;

  struct OfExecutor {
    uint64_t started = 0;  // given to the executor; some may never begin
    std::array<uint64_t, kEndings> ended = {};  // by Ending, as recorded
    uint64_t not_started = 0;  // handed back or cancelled before they began
    uint64_t retracted = 0;    // of these, wanted back by the coordinator
    uint64_t shed = 0;         // more than the executor gets done
    Duration busy = Duration::zero();
    // From a grant's receipt to giving its task to the executor.
    BucketCounts start_delay{kStartDelayBounds};
  };
  std::array<OfExecutor, kExecutorKinds> executors;

  // Sightings by code, in the order of kFindingCodes.
  std::array<uint64_t, kFindingCodes.size()> findings = {};

  uint64_t grants = 0;
  uint64_t granted_tasks = 0;
  uint64_t duplicate_tasks = 0;  // granted again and ignored
  uint64_t unknown_outcomes = 0;
  uint64_t fenced_attempts = 0;  // running and stopped for it
  uint64_t self_fences = 0;
  uint64_t result_messages = 0;
  uint64_t result_batches = 0;
  uint64_t log_chunks = 0;
  uint64_t heartbeats = 0;
  uint64_t hellos = 0;

  // Why a session ended or had to be asked for again.
  uint64_t hello_connected = 0;
  uint64_t hello_refused = 0;
  uint64_t hello_busy = 0;
  uint64_t hello_silent = 0;
  uint64_t hello_grant_lost = 0;
};

// What the agent core holds at this moment, for the metrics.
struct AgentGauges {
  struct OfExecutor {
    uint64_t slots = 0;
    uint64_t running = 0;
    uint64_t waiting = 0;
    uint64_t credit = 0;
  };
  std::array<OfExecutor, kExecutorKinds> executors;
  uint64_t held = 0;
  uint64_t unacked_messages = 0;
  bool registered = false;
  bool draining = false;
  Duration lease_margin = Duration::zero();
};

}  // namespace remuda

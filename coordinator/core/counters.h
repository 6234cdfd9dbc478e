#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "wire/bucket_counts.h"

namespace remuda {

inline constexpr int kEndings = 7;

// Why a message or a part of one changed nothing.
enum class StaleReason : uint8_t {
  kNoSession,    // the peer has not said Hello, or not in this session
  kOldSequence,  // seen before
  kGap,          // one before it is missing
  kJobGone,      // finished, or never was
  kNotRunning,   // that attempt is not current
  kOtherHolder,  // current, but granted to another agent
  kMalformed,
};
inline constexpr int kStaleReasons = 7;

enum class AgentMessageKind : uint8_t {
  kHello,
  kHeartbeat,
  kResults,
  kLogChunk,
  kGoodbye,
  kFindings,
};
inline constexpr int kAgentMessageKinds = 6;

enum class CoordinatorMessageKind : uint8_t {
  kWelcome,
  kRefusal,
  kHeartbeatAck,
  kGrant,
  kStopTasks,
  kResultsAck,
};
inline constexpr int kCoordinatorMessageKinds = 6;

// In seconds.
inline constexpr std::array kWaitBounds = {
    0.005, 0.01, 0.02, 0.05, 0.1,  0.2,   0.5,   1.0,
    2.0,   5.0,  10.0, 30.0, 60.0, 300.0, 900.0, 3600.0};
inline constexpr std::array kRunBounds = {
    0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 120.0, 600.0, 3600.0, 14400.0};
inline constexpr std::array kTotalBounds = {
    0.01, 0.03, 0.1,  0.3,   1.0,   3.0,    10.0,    30.0,
    60.0, 180., 600., 1800., 3600., 14400., 43200.0, 86400.0};

// What happened to the tasks of one queue.
struct QueueCounters {
  std::string name = "default";
  BucketCounts wait{kWaitBounds};    // might be granted -> granted
  BucketCounts total{kTotalBounds};  // accepted -> terminal

  // Gauges.
  uint64_t delayed = 0;  // wait for their back-off
  // Since when the oldest task waits that might be granted.
  std::optional<WallTime> oldest_pending;
};

// What happened to the tasks of one job type on one executor.
struct ClassCounters {
  std::string type;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  uint64_t attempts_started = 0;
  std::array<uint64_t, kEndings> attempts_finished{};  // by Ending
  uint64_t attempts_handed_back = 0;                   // never started
  std::array<uint64_t, kTaskStates> tasks_finished{};  // by TaskState
  std::array<uint64_t, kEndings> retries{};  // by the ending before them
  uint64_t retries_lost = 0;                 // the agent was lost
  uint64_t quarantined = 0;
  uint64_t tasks_granted = 0;
  // Of the jobs that were accepted, or live at the start: what had not ended.
  uint64_t tasks_taken = 0;
  BucketCounts run{kRunBounds};  // what agents say their attempts took

  // Gauges.
  uint64_t jobs = 0;
  uint64_t pending = 0;
  uint64_t running = 0;  // granted
  uint64_t begun = 0;    // of these, as far as agents have said
};

// Counters since the start and gauges of now, for the metrics. A plain value:
// the server copies it.
struct CoreCounters {
  uint64_t submissions_accepted = 0;
  uint64_t submissions_existed = 0;
  uint64_t submissions_conflict = 0;
  uint64_t submissions_busy = 0;
  uint64_t submissions_invalid = 0;

  uint64_t jobs_accepted = 0;
  std::array<uint64_t, 7> jobs_finished{};  // by JobState

  uint64_t cancels_before_start = 0;  // nothing of the job had been granted
  uint64_t cancels_while_running = 0;
  uint64_t cancels_too_late = 0;
  uint64_t cancels_unknown = 0;

  uint64_t sessions_opened = 0;   // by a new agent
  uint64_t sessions_resumed = 0;  // by an agent already known
  uint64_t sessions_refused = 0;
  uint64_t sessions_reset = 0;   // a grant got lost on its way
  uint64_t sessions_closed = 0;  // by a Goodbye
  uint64_t sessions_unreachable = 0;
  uint64_t leases_expired = 0;

  uint64_t grants = 0;  // ranges
  uint64_t tasks_granted = 0;
  uint64_t tasks_fenced = 0;  // told to stop in a Welcome
  uint64_t tasks_never_arrived = 0;
  uint64_t tasks_wanted_back = 0;  // that waited with an agent

  std::array<std::array<uint64_t, kStaleReasons>, kAgentMessageKinds> stale{};
  uint64_t duplicates = 0;  // results sent again
  std::array<uint64_t, kAgentMessageKinds> messages_in{};
  std::array<uint64_t, kCoordinatorMessageKinds> messages_out{};

  std::vector<ClassCounters> classes;
  QueueCounters queue;

  // Gauges.
  std::array<uint64_t, 4> agents{};               // by AgentState
  std::array<uint64_t, kExecutorKinds> credit{};  // announced
  std::array<uint64_t, kExecutorKinds> outstanding{};
  uint64_t jobs_live = 0;
  uint64_t grants_live = 0;
};

}  // namespace remuda

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "agent/core/log_uploads.h"
#include "agent/core/outbox.h"
#include "agent/core/running_attempts.h"
#include "base/clock.h"
#include "jobs/attempt.h"
#include "jobs/states.h"
#include "wire/messages.h"

namespace remuda {

// One call of Executor::Start.
struct StartAttempts {
  ExecutorKind executor = ExecutorKind::kAsync;
  std::vector<Attempt> attempts;
};

// Worth a line in the log; the code is constant, the text is for a person.
struct AgentNote {
  bool is_warning = false;
  std::string code;
  std::string text;
};

// What one turn of the agent core asks for, to be done in this order.
struct AgentOutput {
  std::vector<AgentNote> notes;

  // The spool forgets what is acked, then keeps what is new: Results and
  // LogChunks, whose sequence follows the last one.
  uint64_t release_up_to = 0;
  std::vector<AgentMessage> spool;
  // Up to here it makes what it holds safe on disk, for the process that may
  // follow this one.
  uint64_t keep_up_to = 0;

  // Hello, Heartbeat: sent once and not kept. The Hello opens a session, and
  // nothing else is sent before its Welcome.
  std::vector<AgentMessage> send;
  // Then these of the spool.
  std::optional<Outbox::Span> send_spooled;

  // A new end of the lease, when attempts have to be killed: for whoever can do
  // that when this process cannot.
  std::optional<MonotonicTime> lease_end;

  std::vector<StartAttempts> starts;
  std::vector<StopAttempt> stops;
  std::vector<ReadLog> reads;
  std::vector<std::string> folders_to_delete;

  // Round trip of a heartbeat that was confirmed in this turn.
  std::optional<Duration> heartbeat_round_trip;
  // How far this clock is ahead of the coordinator's, as found by that.
  std::optional<Duration> clock_offset;

  // The agent has no more to do: OK after a drain, otherwise what a person has
  // to mend. `goodbye` is the last message, if there is a session to end.
  std::optional<absl::Status> ended;
  std::optional<Goodbye> goodbye;
};

}  // namespace remuda

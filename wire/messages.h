#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "jobs/ids.h"
#include "jobs/index_ranges.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "wire/executor_reports.h"
#include "wire/findings.h"
#include "wire/hello.h"

namespace remuda {

// What agent and coordinator say to each other, as plain values; wire/codec.h
// turns them into frames. Batches and ranges only: no message speaks of a
// single task where it could speak of many.

// Coordinator -> agent: registered.
struct Welcome {
  uint32_t protocol = kProtocolMax;
  Term term;
  SessionId session;
  AgentId agent;
  Duration lease = Duration::zero();
  Duration heartbeat_interval = Duration::zero();
  // Held attempts that are no longer current: stop them, forget them.
  std::vector<FencedRange> fenced;
  // Random, of the folder that the coordinator's state lives in: numbers of
  // jobs mean something only within it. Empty: not said.
  std::string generation;
  uint64_t hello = 0;  // the number of the Hello that it answers; 0: not said

  friend bool operator==(const Welcome&, const Welcome&) = default;
};

// Either way: this connection will not do. The reason is for a person.
struct Refusal {
  enum class Code : uint8_t {
    kUnknownSession,  // say Hello again
    kVersion,
    kBusy,
    kMalformed,
    kForbidden,
    kSuperseded,  // another process goes on as this instance
  };
  Code code = Code::kMalformed;
  std::string reason;

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// Agent -> coordinator, every interval, when credit changes and soon after an
// attempt began. Renews the lease of everything the session holds.
struct Heartbeat {
  uint64_t sequence = 0;
  uint64_t last_grant = 0;  // Grant.sequence seen last, repairs a lost push
  std::vector<Credit> credits;
  std::vector<Backlog> backlogs;
  std::vector<LastBegun> begun;
  uint64_t held_tasks = 0;
  Duration loop_lag = Duration::zero();
  bool draining = false;

  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

struct HeartbeatAck {
  uint64_t sequence = 0;
  WallTime at{};  // when it was taken; the epoch: not said

  friend bool operator==(const HeartbeatAck&, const HeartbeatAck&) = default;
};

// What an agent must know once of a job before it can run its tasks.
struct JobDefinition {
  JobId job;
  std::string job_json;  // jobs/job_json.h

  friend bool operator==(const JobDefinition&, const JobDefinition&) = default;
};

// One range of tasks of one job at one fence.
struct GrantedRange {
  JobId job;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  IndexRange tasks;
  Fence fence;
  // Of a list source: the items of the range, a JSON value a line. Empty for
  // computed sources.
  std::string items;

  friend bool operator==(const GrantedRange&, const GrantedRange&) = default;
};

// Coordinator -> agent. Sent only after its commit.
struct Grant {
  uint64_t sequence = 0;  // 1, 2, 3 ... within the session
  std::vector<JobDefinition> definitions;
  std::vector<GrantedRange> ranges;

  friend bool operator==(const Grant&, const Grant&) = default;
};

// Coordinator -> agent: stop these, whatever their fence. Retracted ones only
// if they have not begun; the agent reports those as never started.
struct StopTasks {
  enum class Reason : uint8_t { kCancelled, kFenced, kRetracted };
  struct Item {
    JobId job;
    bool whole_job = false;
    std::vector<IndexRange> tasks;  // unless whole_job

    friend bool operator==(const Item&, const Item&) = default;
  };
  Reason reason = Reason::kCancelled;
  std::vector<Item> items;

  friend bool operator==(const StopTasks&, const StopTasks&) = default;
};

// Neighbouring tasks whose attempts ended alike.
struct EndingRun {
  IndexRange tasks;
  Fence fence;
  Ending ending = Ending::kSucceeded;
  int32_t exit_code = 0;
  // False for what never started: handed back, costs the task nothing.
  bool started = true;

  friend bool operator==(const EndingRun&, const EndingRun&) = default;
};

// Ends of attempts of one job within one chunk of kTasksPerChunk indices.
struct EndedBatch {
  JobId job;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::vector<EndingRun> runs;  // by index, never overlapping
  // wire/attempt_records.h: outputs, errors, durations, usage. Opaque to the
  // coordinator's core; the store keeps the bytes as they came.
  std::string records;

  friend bool operator==(const EndedBatch&, const EndedBatch&) = default;
};

// Agent -> coordinator. Sent again, with the same sequence, until acked.
struct Results {
  uint64_t sequence = 0;  // 1, 2, 3 ... within the agent's life
  std::vector<EndedBatch> batches;
  std::vector<LastBegun> begun;  // when this was written

  friend bool operator==(const Results&, const Results&) = default;
};

// A piece of an attempt's output too big for its result. Travels in sequence
// with Results and is acked like them.
struct LogChunk {
  uint64_t sequence = 0;
  AttemptId attempt;
  uint8_t stream = 1;  // 1 stdout, 2 stderr
  uint64_t offset = 0;
  std::string bytes;

  friend bool operator==(const LogChunk&, const LogChunk&) = default;
};

// Coordinator -> agent, after the commit: everything up to here is recorded
// or was refused for good.
struct ResultsAck {
  uint64_t up_to = 0;

  friend bool operator==(const ResultsAck&, const ResultsAck&) = default;
};

// Agent -> coordinator: leaves now; what it still holds is handed back.
struct Goodbye {
  std::string reason;

  friend bool operator==(const Goodbye&, const Goodbye&) = default;
};

using AgentMessage =
    std::variant<Hello, Heartbeat, Results, LogChunk, Goodbye, Findings>;
using CoordinatorMessage =
    std::variant<Welcome, Refusal, HeartbeatAck, Grant, StopTasks, ResultsAck>;

}  // namespace remuda

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "jobs/ids.h"
#include "jobs/index_ranges.h"
#include "jobs/job.h"
#include "jobs/job_finding.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "wire/messages.h"

namespace remuda {

// The history of a coordinator: what happened, in the past tense. State
// changes only by applying one of these, so that replaying the stored events
// from the first gives the same state (docs/JOB_STATES.md). One event speaks
// of a batch or a range, never of one task where it could speak of many.

struct TermStarted {
  Term term;
  WallTime at{};
};

// Comes again with the same id when an agent's particulars have changed.
struct AgentRegistered {
  AgentId agent;
  std::string instance;
  std::string name;
  std::vector<ExecutorOffer> executors;
  std::map<std::string, std::string> labels;
  uint64_t memory_bytes = 0;  // that it may hold; 0: not known
  WallTime at{};
};

// The agent's process is given up; what it held is returned by TasksReturned.
struct AgentLeft {
  AgentId agent;
  std::string reason;
  WallTime at{};
};

struct JobAccepted {
  JobId id;
  std::string key;        // of the submission
  std::string owner;      // who submitted; empty: local
  uint32_t document = 0;  // its place there
  std::string digest;     // of the job's canonical JSON and items
  // Shared: store and core keep the same immutable job and its JSON.
  std::shared_ptr<const Job> job;
  std::shared_ptr<const std::string> job_json;
  uint64_t tasks = 0;
  uint64_t item_bytes_max = 0;  // the longest item of a list; else 0
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string executor_reason;
  WallTime at{};
};

struct TasksGranted {
  GrantId grant;
  JobId job;
  AgentId agent;
  IndexRange tasks;
  Fence fence;
  WallTime at{};
};

// Ends of current attempts of one chunk. What the retry policy makes of each
// run is decided before and recorded here, so that replay decides nothing.
struct AttemptsEnded {
  struct Run {
    EndingRun ended;
    TaskState state = TaskState::kSucceeded;  // afterwards; kPending: again
    WallTime not_before{};                    // of the next try, if pending
  };
  JobId job;
  AgentId agent;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::vector<Run> runs;
  // Shared: goes from the frame to the store untouched; not in the history.
  std::shared_ptr<const std::string> records;
  WallTime at{};
};

// Attempts that nobody will report: the agent was lost or never had them.
struct TasksReturned {
  JobId job;
  AgentId agent;
  FencedRange tasks;
  bool charged = false;                   // counts as an infrastructure loss
  TaskState state = TaskState::kPending;  // kLost when quarantined
  std::string reason;
  WallTime at{};
};

struct JobCancelRequested {
  JobId job;
  std::string reason;
  WallTime at{};
};

struct JobFinished {
  JobId job;
  JobState state = JobState::kSucceeded;
  std::string reason;
  WallTime at{};
};

// What agents noticed of the job's code. An entry replaces the one at its
// place, so that replay adds nothing up.
struct FindingsNoted {
  struct Entry {
    uint32_t place = 0;  // below kJobFindingsMax, without gaps
    JobFinding finding;  // all sightings so far
  };
  JobId job;
  std::vector<Entry> entries;
  WallTime at{};
};

// From here on the job's tasks are granted on this executor, for this reason.
// If it is another one than before, nothing of the job is granted now.
struct ExecutorChosen {
  JobId job;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string reason;
  WallTime at{};
};

using Event =
    std::variant<TermStarted, AgentRegistered, AgentLeft, JobAccepted,
                 TasksGranted, AttemptsEnded, TasksReturned, JobCancelRequested,
                 JobFinished, FindingsNoted, ExecutorChosen>;

}  // namespace remuda

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "coordinator/core/event.h"
#include "coordinator/core/output.h"
#include "jobs/ids.h"
#include "jobs/job.h"
#include "jobs/states.h"
#include "wire/client_messages.h"

namespace remuda {

struct CoreOptions {
  Duration heartbeat_interval = std::chrono::seconds(2);
  Duration suspect_after = std::chrono::seconds(6);
  Duration lease = std::chrono::seconds(30);
  double clock_drift = 0.01;
  uint32_t infrastructure_losses_max = 5;          // then the task is lost
  uint64_t grant_tasks_max = 16 * kTasksPerChunk;  // in one message
  size_t grant_ranges_max = 1'024;                 // the same
  // What was granted this recently may be about to begin: a backlog that is as
  // long as it should be is never wanted back.
  Duration retract_after = std::chrono::seconds(1);
  uint64_t jobs_live_max = 100'000;
  // The agents of earlier terms are known to be dead, because they lived in
  // the coordinator's own process: nothing waits for their lease.
  bool agents_die_with_us = false;
};

// One time, both clocks, so that decisions never ask for it.
struct Now {
  MonotonicTime monotonic{};
  WallTime wall{};
};

// One job of a submission, checked by the server: its type is known, its
// executor chosen, its items counted and digested.
struct JobToAccept {
  // Both shared with the JobAccepted event.
  std::shared_ptr<const Job> job;
  std::shared_ptr<const std::string> job_json;
  std::string digest;
  std::string owner;  // the name of the identity that submits; empty: local
  uint64_t tasks = 0;
  uint64_t item_bytes_max = 0;  // the longest item of a list; else 0
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string executor_reason;
};

// A job shall run on this executor, which is one that it may run on. It is
// another one than before, or only the reason has changed.
struct ExecutorWish {
  JobId job;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string reason;
  // So many tasks are granted there until the next wish; none: no limit. Ends
  // with the coordinator, as does a wish that could not be kept yet.
  std::optional<uint64_t> tasks_max;
};

// A submission that the store knows by its key, all its jobs by document.
struct StoredSubmission {
  std::vector<std::string> digests;
  std::vector<JobSummary> jobs;
};

// Who sent an agent's message: the connection, and what the frame's header
// said of the session it belongs to. A Hello belongs to none.
struct AgentSender {
  Peer peer;
  Term term;
  SessionId session;
};

// What the store held at the last commit; see Core::Restore.
struct StoredJob {
  JobAccepted accepted;
  JobSummary summary;
  bool cancel_requested = false;
  uint32_t moves = 0;  // from one executor to another
};
struct StoredChunk {
  JobId job;
  uint64_t chunk = 0;
  uint64_t version = 0;
  std::string state;
};
struct StoredState {
  std::string generation;               // random, of this state's folder
  Term term;                            // of the coordinator that wrote it
  std::vector<StoredJob> jobs;          // not terminal
  std::vector<StoredChunk> chunks;      // of those jobs
  std::vector<TasksGranted> grants;     // not done, in the order granted
  std::vector<AgentRegistered> agents;  // that have not left
  GrantId last_grant;
  AgentId last_agent;
  JobId last_job;
};

}  // namespace remuda

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "coordinator/core/event.h"
#include "coordinator/core/input.h"
#include "coordinator/core/job_tasks.h"
#include "coordinator/core/ready_queue.h"
#include "jobs/ids.h"
#include "jobs/job_finding.h"
#include "jobs/states.h"
#include "jobs/task_progress.h"
#include "jobs/work_key.h"
#include "wire/client_messages.h"

namespace remuda {

// All that the core knows of one job that is not terminal. Plain: its changes
// are made by CoreState::Apply.
struct LiveJob {
  JobAccepted accepted;
  ClassId job_class;
  WorkKey work;
  size_t counters = 0;  // where it is counted
  JobState state = JobState::kQueued;
  JobTasks tasks{0};
  uint64_t attempts = 0;
  uint64_t losses = 0;
  uint32_t moves = 0;  // from one executor to another
  std::optional<WallTime> started_at;
  std::string reason;
  std::vector<JobFinding> findings;     // at most kJobFindingsMax
  std::map<AgentId, uint64_t> holders;  // agent -> running tasks

  // Live only, no part of the state.
  // The sessions that know the job's definition.
  absl::flat_hash_map<AgentId, SessionId> defined;
  // It waits until nothing of it is granted, and then moves.
  std::optional<ExecutorWish> wish;
  // So many more tasks may be granted before the next wish.
  std::optional<uint64_t> trial_left;
  std::map<TaskIndex, TaskProgress> progress;  // at most kJobProgressMax
  bool changed = false;
  bool is_ready = false;                // stands in the ready queue
  std::optional<MonotonicTime> due_at;  // of its first back-off that ends
  std::optional<WallTime> waits_since;  // its oldest task to grant
  bool waits_fresh = false;             // that one was never granted

  bool cancelling() const { return state == JobState::kCancelling; }

  // How many may be granted now, its concurrency and wishes considered.
  uint64_t grantable() const;
};

JobSummary SummaryOf(const LiveJob& job);

// The slots that each task of the job takes on its agent.
uint32_t SlotsEach(const JobAccepted& accepted);

// The state in which a job ends all of whose tasks have ended, and why.
struct JobEnd {
  JobState state = JobState::kSucceeded;
  std::string reason;
};
JobEnd EndOfJob(const LiveJob& job);

}  // namespace remuda

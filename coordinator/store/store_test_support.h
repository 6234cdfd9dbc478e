#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/core/chunk.h"
#include "coordinator/store/commit_unit.h"
#include "jobs/job_json.h"
#include "wire/attempt_records.h"

namespace remuda {

// Units as a core would make them, for tests and the benchmark of the store.

inline JobSummary TestSummary(JobId id, uint64_t tasks, JobState state) {
  JobSummary summary;
  summary.id = id;
  summary.name = "test";
  summary.type = "noop";
  summary.state = state;
  summary.executor = ExecutorKind::kAsync;
  summary.executor_reason = "asked for";
  summary.total = tasks;
  summary.tasks[0] = tasks;
  summary.accepted_at = WallTime(std::chrono::seconds(1'000));
  return summary;
}

inline JobAccepted TestAccepted(JobId id, const std::string& key, Job job,
                                uint64_t tasks) {
  job.name = "test";
  job.type = "noop";
  JobAccepted event;
  event.id = id;
  event.key = key;
  event.owner = "alice";
  event.digest = "digest-of-" + key;
  event.job_json = std::make_shared<const std::string>(JobToJson(job));
  event.job = std::make_shared<const Job>(std::move(job));
  event.tasks = tasks;
  event.executor = ExecutorKind::kAsync;
  event.executor_reason = "asked for";
  event.at = WallTime(std::chrono::seconds(1'000));
  return event;
}

// A job over the numbers 0 to tasks - 1.
inline CommitUnit AcceptRange(JobId id, const std::string& key,
                              uint64_t tasks) {
  Job job;
  job.tasks.kind = TaskSource::Kind::kRange;
  job.tasks.written = TaskSource::Written::kRange;
  job.tasks.to = static_cast<int64_t>(tasks) - 1;
  CommitUnit unit;
  unit.output.events.push_back(TestAccepted(id, key, std::move(job), tasks));
  unit.output.summaries.push_back(TestSummary(id, tasks, JobState::kQueued));
  return unit;
}

inline AgentRegistered TestAgent(AgentId id) {
  AgentRegistered event;
  event.agent = id;
  event.instance = "0123456789abcdef0123456789abcdef";
  event.name = "agent-" + std::to_string(id.value);
  event.executors = {{.kind = ExecutorKind::kAsync, .slots = 100}};
  event.labels = {{"zone", "a"}};
  event.at = WallTime(std::chrono::seconds(900));
  return event;
}

inline JobFinding TestFinding(uint64_t line) {
  return {.code = "loop_blocked",
          .text = "time.sleep, \"here\", blocks",
          .function = "work",
          .file = "/a.py",
          .line = line,
          .task = 7,
          .count = 2,
          .longest = std::chrono::milliseconds(250)};
}

inline TasksGranted TestGrant(GrantId id, JobId job, IndexRange tasks,
                              Fence fence) {
  return {.grant = id,
          .job = job,
          .agent = {1},
          .tasks = tasks,
          .fence = fence,
          .at = WallTime(std::chrono::seconds(1'001))};
}

// All tasks of one chunk succeed at their first try, with records.
inline CommitUnit SucceedChunk(JobId job, uint64_t chunk, uint64_t tasks,
                               uint64_t version) {
  const IndexRange range = {.first = chunk * kTasksPerChunk, .count = tasks};
  std::vector<AttemptRecord> records(tasks);
  for (uint64_t i = 0; i < tasks; ++i) {
    records[i].task = range.first + i;
    records[i].fence = {1};
    records[i].ended_at = WallTime(std::chrono::seconds(1'002));
    records[i].wall = std::chrono::microseconds(5);
  }
  AttemptsEnded ended;
  ended.job = job;
  ended.agent = {1};
  ended.executor = ExecutorKind::kAsync;
  ended.runs.push_back({.ended = {.tasks = range, .fence = {1}},
                        .state = TaskState::kSucceeded});
  ended.records =
      std::make_shared<const std::string>(EncodeAttemptRecords(records));
  ended.at = WallTime(std::chrono::seconds(1'003));

  ChunkState state;
  state.Set(0, tasks, TaskState::kSucceeded,
            TaskTries::Usual(TaskState::kSucceeded));
  CommitUnit unit;
  unit.output.events.push_back(std::move(ended));
  unit.output.chunks.push_back({.job = job,
                                .chunk = chunk,
                                .version = version,
                                .state = state.Encode()});
  return unit;
}

}  // namespace remuda

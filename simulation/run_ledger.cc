#include "simulation/run_ledger.h"

#include <algorithm>

namespace remuda {

void RunLedger::Granted(const TasksGranted& grant) {
  for (uint64_t i = 0; i < grant.tasks.count; ++i) {
    TaskLog& log = tasks_[{grant.job, grant.tasks.first + i}];
    problems_.Expect(
        log.grants.empty() || grant.fence > log.grants.back().fence,
        "R7 fences rise");
    log.grants.push_back({.fence = grant.fence,
                          .agent = grant.agent,
                          .executor = executors_[grant.job]});
  }
}

void RunLedger::Registered(ProcessNumber process, AgentId agent) {
  std::vector<AgentId>& ids = ids_[process];
  if (std::find(ids.begin(), ids.end(), agent) == ids.end()) {
    ids.push_back(agent);
  }
}

void RunLedger::CheckGrant(ProcessNumber process, const AttemptId& attempt,
                           ExecutorKind executor, const TaskLog& log) {
  const std::vector<AgentId>& ids = ids_[process];
  const auto granted = std::find_if(
      log.grants.begin(), log.grants.end(), [&](const auto& grant) {
        return grant.fence == attempt.fence &&
               std::find(ids.begin(), ids.end(), grant.agent) != ids.end();
      });
  const bool was_granted = granted != log.grants.end();
  problems_.Expect(was_granted, "R6 a grant is committed before it runs");
  problems_.Expect(!was_granted || granted->executor == executor,
                   "R40 a task runs on the executor that it was granted on");
}

void RunLedger::Say(ProcessNumber process, const AttemptId& attempt,
                    const std::string& what) const {
  if (!trace_) return;
  trace_("  process " + std::to_string(process) + ": job " +
         std::to_string(attempt.job.value) + " task " +
         std::to_string(attempt.task) + " fence " +
         std::to_string(attempt.fence.value) + " " + what);
}

// What runs inside the agent's process stops with it; others end with the
// lease whatever the agent does.
bool RunLedger::IsExcused(ProcessNumber process, ExecutorKind executor) const {
  return executor == ExecutorKind::kAsync && excused_(process);
}

void RunLedger::Began(ProcessNumber process, const AttemptId& attempt,
                      ExecutorKind executor) {
  Say(process, attempt, "begins");
  TaskLog& log = tasks_[{attempt.job, attempt.task}];
  CheckGrant(process, attempt, executor, log);
  for (const Start& start : log.starts) {
    problems_.Expect(start.fence != attempt.fence, "R7 an attempt begins once");
    problems_.Expect(!start.runs || IsExcused(start.process, start.executor) ||
                         IsExcused(process, executor),
                     "R17 no task runs twice at once");
  }
  log.starts.push_back({.fence = attempt.fence,
                        .process = process,
                        .executor = executor,
                        .began = now_});
  begun_by_[process].push_back(attempt);
  ++running_;
  ++all_starts_;
  Running& of_job = running_of_job_[attempt.job];
  ++of_job[{process, executor}];
  const uint64_t cap = limits_[attempt.job].cap;
  if (cap == 0) return;
  uint64_t count = 0;
  for (const auto& [other, running] : of_job) {
    if (!IsExcused(other.first, other.second)) count += running;
  }
  problems_.Expect(count <= cap, "R20 no more run than a job's concurrency");
}

void RunLedger::Ended(ProcessNumber process, const AttemptId& attempt,
                      Ending ending) {
  Say(process, attempt, "ends: " + std::string(Name(ending)));
  for (Start& start : tasks_[{attempt.job, attempt.task}].starts) {
    if (start.fence != attempt.fence || start.process != process) continue;
    problems_.Expect(start.runs, "an attempt ends once");
    if (!start.runs) return;
    start.runs = false;
    start.ending = ending;
    const Duration timeout = limits_[attempt.job].timeout;
    // By the agent's clock, which may be a little fast.
    start.overdue = timeout > Duration::zero() &&
                    (now_ - start.began) * 101 / 100 >= timeout;
    --running_;
    --running_of_job_[attempt.job][{process, start.executor}];
  }
}

void RunLedger::Died(ProcessNumber process) {
  for (const AttemptId& attempt : begun_by_[process]) {
    for (const Start& start : tasks_[{attempt.job, attempt.task}].starts) {
      if (start.fence != attempt.fence || !start.runs) continue;
      Ended(process, attempt, Ending::kEvicted);
      break;
    }
  }
  begun_by_.erase(process);
}

void RunLedger::Left(const std::vector<AttemptId>& ended) {
  left_.insert(ended.begin(), ended.end());
}

void RunLedger::LeftNoMore(const std::vector<AttemptId>& ended) {
  for (const AttemptId& attempt : ended) left_.erase(attempt);
}

void RunLedger::Returned(const TasksReturned& returned, bool agent_left) {
  const FencedRange& tasks = returned.tasks;
  for (uint64_t i = 0; i < tasks.tasks.count; ++i) {
    const AttemptId attempt = {.job = returned.job,
                               .task = tasks.tasks.first + i,
                               .fence = tasks.fence};
    problems_.Expect(left_.erase(attempt) == 0 || agent_left,
                     "R19 a result on its agent's disk is not lost with the "
                     "agent's process");
  }
}

const RunLedger::TaskLog* RunLedger::Find(JobId job, TaskIndex task) const {
  const auto found = tasks_.find({job, task});
  return found == tasks_.end() ? nullptr : &found->second;
}

Fence RunLedger::last_granted(JobId job, TaskIndex task) const {
  const TaskLog* log = Find(job, task);
  return log == nullptr || log->grants.empty() ? Fence{}
                                               : log->grants.back().fence;
}

AgentId RunLedger::granted_to(JobId job, TaskIndex task) const {
  const TaskLog* log = Find(job, task);
  return log == nullptr || log->grants.empty() ? AgentId{}
                                               : log->grants.back().agent;
}

bool RunLedger::Happened(const AttemptId& attempt, Ending ending) const {
  const TaskLog* log = Find(attempt.job, attempt.task);
  if (log == nullptr) return false;
  return std::any_of(log->starts.begin(), log->starts.end(),
                     [&](const Start& start) {
                       return start.fence == attempt.fence && !start.runs &&
                              start.ending == ending;
                     });
}

uint64_t RunLedger::starts(JobId job, TaskIndex task) const {
  const TaskLog* log = Find(job, task);
  return log == nullptr ? 0 : log->starts.size();
}

uint64_t RunLedger::failures(JobId job, TaskIndex task) const {
  const TaskLog* log = Find(job, task);
  if (log == nullptr) return 0;
  return static_cast<uint64_t>(std::count_if(
      log->starts.begin(), log->starts.end(), [](const Start& start) {
        if (start.runs || start.ending == Ending::kEvicted) return false;
        return start.overdue || start.ending != Ending::kSucceeded;
      }));
}

}  // namespace remuda

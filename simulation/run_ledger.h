#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "coordinator/core/event.h"
#include "jobs/ids.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "simulation/problems.h"

namespace remuda {

// What attempts really did, whoever heard of it, and what was granted: kept
// outside of coordinator and agents, to hold both against.
//
// Thread: confined to its run.
class RunLedger {
 public:
  // A process of an agent, numbered over the whole run.
  using ProcessNumber = uint64_t;
  // Whether that process is or was stopped, and with it what runs inside it.
  using Excused = std::function<bool(ProcessNumber)>;

  // `now` is the world's time, read at each call.
  RunLedger(const MonotonicTime& now, Problems& problems, Excused excused)
      : now_(now), problems_(problems), excused_(std::move(excused)) {}

  struct Limits {
    uint64_t cap = 0;    // 0: none
    Duration timeout{};  // likewise
  };
  void Accepted(JobId job, const Limits& limits) { limits_[job] = limits; }
  // From that commit on it is granted on this executor.
  void Chosen(JobId job, ExecutorKind executor) { executors_[job] = executor; }
  ExecutorKind executor(JobId job) const { return executors_.at(job); }
  // From the commit of the grant on it may be run.
  void Granted(const TasksGranted& grant);
  void Registered(ProcessNumber process, AgentId agent);

  void Began(ProcessNumber process, const AttemptId& attempt,
             ExecutorKind executor);
  void Ended(ProcessNumber process, const AttemptId& attempt, Ending ending);
  // All that ran there ended with it.
  void Died(ProcessNumber process);

  // The ends of these are on the disk of an agent whose process died, and are
  // not recorded yet; or no longer, as the disk is gone.
  void Left(const std::vector<AttemptId>& ended);
  void LeftNoMore(const std::vector<AttemptId>& ended);
  // Taken back from an agent, which was given up or not.
  void Returned(const TasksReturned& returned, bool agent_left);

  // A line for a person, for each beginning and end.
  void set_trace(std::function<void(const std::string&)> trace) {
    trace_ = std::move(trace);
  }

  Fence last_granted(JobId job, TaskIndex task) const;
  AgentId granted_to(JobId job, TaskIndex task) const;
  bool Happened(const AttemptId& attempt, Ending ending) const;
  uint64_t starts(JobId job, TaskIndex task) const;
  // Ends that count as the user's own.
  uint64_t failures(JobId job, TaskIndex task) const;
  uint64_t running() const { return running_; }
  uint64_t all_starts() const { return all_starts_; }

 private:
  struct Start {
    Fence fence;
    ProcessNumber process = 0;
    ExecutorKind executor = ExecutorKind::kAsync;
    MonotonicTime began{};
    bool runs = true;
    bool overdue = false;  // it took longer than its time-out
    Ending ending = Ending::kEvicted;
  };
  struct OneGrant {
    Fence fence;
    AgentId agent;
    ExecutorKind executor = ExecutorKind::kAsync;
  };
  struct TaskLog {
    std::vector<OneGrant> grants;
    std::vector<Start> starts;
  };
  using Task = std::pair<JobId, TaskIndex>;

  void Say(ProcessNumber process, const AttemptId& attempt,
           const std::string& what) const;
  bool IsExcused(ProcessNumber process, ExecutorKind executor) const;
  const TaskLog* Find(JobId job, TaskIndex task) const;
  void CheckGrant(ProcessNumber process, const AttemptId& attempt,
                  ExecutorKind executor, const TaskLog& log);

  const MonotonicTime& now_;
  Problems& problems_;
  const Excused excused_;
  std::map<Task, TaskLog> tasks_;
  std::map<JobId, Limits> limits_;
  std::map<JobId, ExecutorKind> executors_;
  using Running = std::map<std::pair<ProcessNumber, ExecutorKind>, uint64_t>;
  std::map<JobId, Running> running_of_job_;
  std::map<ProcessNumber, std::vector<AgentId>> ids_;
  std::map<ProcessNumber, std::vector<AttemptId>> begun_by_;
  std::set<AttemptId> left_;
  uint64_t running_ = 0;
  uint64_t all_starts_ = 0;
  std::function<void(const std::string&)> trace_;
};

}  // namespace remuda

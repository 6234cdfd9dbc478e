#include "executors/hosted/hosted_pool.h"

#include <algorithm>
#include <utility>

#include "executors/workers/worker_choice.h"

namespace remuda {
namespace {

// Programs that host workers; each keeps some warm.
constexpr size_t kGroupsMax = 64;

// How often busy workers are looked at.
constexpr Duration kLookPause = std::chrono::milliseconds(250);

}  // namespace

HostedPool::HostedPool(EventLoop& loop, const HostedOptions& options,
                       OutcomeQueue& outcomes)
    : loop_(loop),
      options_(options),
      outcomes_(outcomes),
      host_(loop, nullptr, options.spawner_program, options.ties,
            options.groups) {
  loop_.AddTurnEnd([this] { TurnEnd(); });
}

void HostedPool::Start(std::vector<Attempt> batch) {
  for (Attempt& attempt : batch) {
    auto task = std::make_unique<HostedTask>();
    task->attempt = std::move(attempt);
    HostedTask& added = *task;
    tasks_.emplace(added.attempt.id, std::move(task));
    Add(added);
  }
  last_work_.reset();
  work_changed_ = true;
}

void HostedPool::Add(HostedTask& task) {
  const Attempt& attempt = task.attempt;
  // Only constant parameters name the same program for every task.
  if (attempt.work != last_work_ || !attempt.work->parameters.is_constant()) {
    const absl::StatusOr<size_t> group = GroupFor(attempt);
    if (!group.ok()) {
      Outcome outcome;
      outcome.ending = Ending::kError;
      outcome.error = std::string(group.status().message());
      return End(task, std::move(outcome));
    }
    last_work_ = attempt.work;
    last_group_ = *group;
  }
  task.group = last_group_;
  groups_[last_group_]->Add(task);
}

absl::StatusOr<size_t> HostedPool::GroupFor(const Attempt& attempt) {
  absl::StatusOr<WorkerCommand> wanted = WorkerFor(options_.workers, attempt);
  if (!wanted.ok()) return wanted.status();
  const std::string key = WorkerKey(*wanted, attempt);
  const auto found = group_of_.find(key);
  if (found != group_of_.end()) return found->second;
  if (groups_.size() >= kGroupsMax) {
    return absl::InvalidArgumentError(
        "this agent already has workers of " + std::to_string(kGroupsMax) +
        " different programs, which is its limit");
  }
  wanted->cpus = attempt.work->job.resources.cpu;
  // Its threads count, one for each slot.
  wanted->limits.processes = kTaskProcessesMax + options_.slots;
  groups_.push_back(std::make_unique<HostedGroup>(
      loop_, host_, oom_, options_, *std::move(wanted),
      [this](HostedTask& task, Outcome outcome) {
        End(task, std::move(outcome));
      },
      [this](Finding finding) { outcomes_.PushFinding(std::move(finding)); },
      [this] { work_changed_ = true; }));
  return group_of_[key] = groups_.size() - 1;
}

void HostedPool::Cancel(AttemptId id, CancelMode mode) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  HostedTask& task = *found->second;
  if (task.stop == HostedTask::Stop::kNone) {
    task.stop = HostedTask::Stop::kCancelled;
  }
  groups_[task.group]->Stop(task, mode);
}

void HostedPool::Drain(MonotonicTime deadline) {
  loop_.RunAt(deadline, [this] { Evict(); });
}

void HostedPool::Evict() {
  std::vector<AttemptId> left;
  for (const auto& [id, task] : tasks_) {
    left.push_back(id);
    if (task->stop == HostedTask::Stop::kNone) {
      task->stop = HostedTask::Stop::kEvicted;
    }
    // Nobody is a neighbour any more whose time would count.
    task->forced = true;
  }
  std::sort(left.begin(), left.end());
  for (const AttemptId id : left) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) continue;
    groups_[found->second->group]->Stop(*found->second, CancelMode::kForce);
  }
}

void HostedPool::Look() {
  bool busy = false;
  for (const auto& group : groups_) {
    group->Look();
    busy |= group->is_busy();
  }
  looks_ = busy;
  if (looks_) loop_.RunAfter(kLookPause, [this] { Look(); });
}

void HostedPool::TurnEnd() {
  // What is started may fail at once, which makes room for more.
  while (std::exchange(work_changed_, false)) {
    for (const auto& group : groups_) group->Pump();
  }
  if (!looks_ && !tasks_.empty()) {
    looks_ = true;
    loop_.RunAfter(kLookPause, [this] { Look(); });
  }
  for (const auto& group : groups_) group->Flush();
  host_.Flush();
  WorkerNumbers numbers;
  for (const auto& group : groups_) group->Count(numbers);
  numbers.orphans_killed = host_.orphans_killed();
  {
    // Before the outcomes: who has seen those finds them counted.
    MutexLock lock(mutex_);
    numbers_ = numbers;
  }
  outcomes_.PushAll(ended_);
  if (work_changed_) loop_.Post([] {});  // another turn
}

void HostedPool::End(HostedTask& task, Outcome outcome) {
  outcome.id = task.attempt.id;
  ended_.push_back(std::move(outcome));
  tasks_.erase(task.attempt.id);
  work_changed_ = true;
}

}  // namespace remuda

#include "executors/process_pool/process_pool.h"

#include <algorithm>
#include <utility>

namespace remuda {

ProcessPool::ProcessPool(EventLoop& loop, const ProcessPoolOptions& options,
                         std::unique_ptr<Spawner> spawner,
                         OutcomeQueue& outcomes)
    : loop_(loop),
      options_(options),
      outcomes_(outcomes),
      capacity_(options.slots),
      host_(loop, std::move(spawner), options.spawner_program),
      commands_(loop, host_, oom_, options_,
                [this](PoolTask& task, Outcome outcome) {
                  --commands_running_;
                  service_time_.Add(outcome.wall);
                  End(task, std::move(outcome));
                }) {
  loop_.AddTurnEnd([this] { TurnEnd(); });
}

size_t ProcessPool::CapacityMax(const ProcessPoolOptions& options) {
  return options.slots * (1 + ServiceTime::kWaitingMax);
}

void ProcessPool::Start(std::vector<Attempt> batch) {
  for (Attempt& attempt : batch) {
    auto task = std::make_unique<PoolTask>();
    task->attempt = std::move(attempt);
    waiting_commands_.push_back(task.get());
    tasks_.emplace(task->attempt.id, std::move(task));
  }
  work_changed_ = true;
}

void ProcessPool::Cancel(AttemptId id, CancelMode mode) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  Stop(*found->second, PoolTask::Stop::kCancelled, mode == CancelMode::kForce);
}

void ProcessPool::Drain(MonotonicTime deadline) {
  loop_.RunAt(deadline, [this] {
    std::vector<AttemptId> left;
    for (const auto& [id, task] : tasks_) left.push_back(id);
    std::sort(left.begin(), left.end());
    for (const AttemptId id : left) {
      const auto found = tasks_.find(id);
      if (found == tasks_.end()) continue;
      Stop(*found->second, PoolTask::Stop::kEvicted, true);
    }
  });
}

void ProcessPool::Stop(PoolTask& task, PoolTask::Stop why, bool force) {
  if (task.stop == PoolTask::Stop::kNone) task.stop = why;
  task.forced |= force;
  switch (task.place) {
    case PoolTask::Place::kQueued: {
      std::erase(waiting_commands_, &task);
      Outcome outcome;
      outcome.ending = StoppedEnding(task);
      End(task, std::move(outcome));
      break;
    }
    case PoolTask::Place::kCommand:
      commands_.Stop(task, force ? CancelMode::kForce : CancelMode::kAsk);
      break;
    case PoolTask::Place::kWorker:
      break;
  }
}

void ProcessPool::Pump() {
  while (!waiting_commands_.empty() && commands_running_ < options_.slots) {
    PoolTask& task = *waiting_commands_.front();
    waiting_commands_.pop_front();
    ++commands_running_;
    commands_.Start(task);
  }
}

void ProcessPool::TurnEnd() {
  if (work_changed_) {
    work_changed_ = false;
    Pump();
  }
  host_.Flush();
  capacity_.store(options_.slots * (1 + service_time_.Waiting()),
                  std::memory_order_relaxed);
  outcomes_.PushAll(ended_);
}

void ProcessPool::End(PoolTask& task, Outcome outcome) {
  outcome.id = task.attempt.id;
  ended_.push_back(std::move(outcome));
  tasks_.erase(task.attempt.id);
  work_changed_ = true;
}

}  // namespace remuda

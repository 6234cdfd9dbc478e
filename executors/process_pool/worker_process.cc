#include "executors/process_pool/worker_process.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/check.h"

namespace remuda {

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(
    EventLoop& loop, ProcessHost& host, OomWatch& oom,
    const ProcessPoolOptions& options, const WorkerCommand& command,
    Owner& owner) {
  std::unique_ptr<WorkerProcess> worker(
      new WorkerProcess(loop, options, owner));
  const WorkerPlace place{.work_folder = options.work_folder,
                          .log_folder = options.log_folder,
                          .start_max = options.worker_start_max};
  auto link = WorkerLink::Start(
      loop, host, oom, place, command,
      {.mode = WorkerMode::kProcess, .cpus = command.cpus}, *worker);
  if (!link.ok()) return link.status();
  worker->link_ = *std::move(link);
  return worker;
}

bool WorkerProcess::CanTake() const {
  return state_ == State::kReady && last_ended_ + 1 >= revoked_end_;
}

void WorkerProcess::Send(std::span<PoolTask* const> tasks, bool with_items) {
  CHECK(CanTake() && !tasks.empty());
  is_spare_ = false;
  if (held_.empty()) front_since_ = loop_.Now();
  std::vector<WorkerTask> sent;
  sent.reserve(tasks.size());
  for (PoolTask* task : tasks) {
    task->place = PoolTask::Place::kWorker;
    task->worker = this;
    task->worker_task = next_task_++;
    held_.push_back(task);
    sent.push_back({.number = task->worker_task,
                    .attempt = &task->attempt,
                    .parameters = task->parameters});
  }
  link_->Send(TasksMessage(sent, with_items));
}

void WorkerProcess::PrepareFor(const PoolTask& task) {
  if (state_ != State::kReady || is_prepared_) return;
  is_prepared_ = true;
  link_->Send(PrepareMessage(
      {.number = 0, .attempt = &task.attempt, .parameters = task.parameters}));
}

bool WorkerProcess::IsRunning(const PoolTask& task) const {
  return link_->cell().Current() == task.worker_task;
}

bool WorkerProcess::KeepsResults() const {
  return !held_.empty() && link_->cell().Current() > held_.front()->worker_task;
}

void WorkerProcess::Ask(PoolTask& task) {
  link_->Send(CancelMessage(task.worker_task));
  Poke();
}

void WorkerProcess::Poke() {
  Flush();  // it must find the message when the signal comes
  link_->Signal(SIGTERM);
}

std::vector<PoolTask*> WorkerProcess::TakeBack(const PoolTask& task) {
  std::vector<PoolTask*> taken;
  if (!CanTake()) return taken;
  revoked_end_ = next_task_;
  taken_back_at_ = loop_.Now();
  link_->cell().Revoke(task.worker_task, next_task_);
  const uint64_t begun = link_->cell().Current();
  while (!held_.empty() && held_.back()->worker_task >= task.worker_task &&
         held_.back()->worker_task > begun) {
    taken.push_back(held_.back());
    taken.back()->place = PoolTask::Place::kQueued;
    taken.back()->worker = nullptr;
    held_.pop_back();
  }
  std::reverse(taken.begin(), taken.end());
  return taken;
}

void WorkerProcess::Drain() {
  if (state_ != State::kReady) return;
  state_ = State::kDraining;
  link_->Send(DrainMessage());
  LimitEnd();
}

// The time to end in begins when nothing is left to do.
void WorkerProcess::LimitEnd() {
  if (state_ != State::kDraining || !held_.empty()) return;
  link_->LimitEnd(options_.worker_end_max);
}

void WorkerProcess::OnWorkerMessage(WorkerMessage message) {
  if (const auto* ready = std::get_if<WorkerReady>(&message)) {
    credits_ = std::max<size_t>(1, ready->credits);
    if (state_ != State::kStarting) return;
    state_ = State::kReady;
    owner_.OnWorkerReady(*this);
  } else if (const auto* results =
                 std::get_if<std::vector<WorkerResult>>(&message)) {
    HandleResults(*results);
  } else if (const auto* log = std::get_if<WorkerLog>(&message)) {
    HandleLog(*log);
  } else if (auto* finding = std::get_if<WorkerFinding>(&message)) {
    HandleFinding(std::move(*finding));
  }
}

void WorkerProcess::HandleResults(const std::vector<WorkerResult>& results) {
  for (const WorkerResult& result : results) {
    if (result.first >= next_task_ ||
        result.count > next_task_ - result.first) {
      link_->Break("ended a task that it was never given");
      return;
    }
    const uint64_t end = result.first + result.count;
    last_ended_ = std::max(last_ended_, end - 1);
    // Nothing took longer than the worker lived, whatever it says.
    const Duration wall = std::min(result.wall, loop_.Now() - started()) /
                          static_cast<int64_t>(result.count);
    // Those of the range that are not held were taken back.
    while (!held_.empty() && held_.front()->worker_task < end) {
      PoolTask& task = *held_.front();
      if (task.worker_task < result.first) {
        link_->Break("passed over a task that it had been given");
        return;
      }
      held_.pop_front();
      EndTask(task, result, wall);
    }
  }
  front_since_ = loop_.Now();
  LimitEnd();
  owner_.OnWorkerReady(*this);
}

void WorkerProcess::EndTask(PoolTask& task, const WorkerResult& result,
                            Duration wall) {
  task.worker = nullptr;
  task.place = PoolTask::Place::kQueued;
  if (result.ending == WorkerResult::Ending::kReturned) {
    owner_.OnTaskReturned(task);
    return;
  }
  ++tasks_done_;
  Outcome outcome;
  outcome.wall = wall;
  outcome.log_path = task.log_path;
  const auto count = static_cast<int64_t>(result.count);
  outcome.usage = result.usage;
  if (outcome.usage.cpu.has_value()) *outcome.usage.cpu /= count;
  if (!outcome.usage.memory_max_bytes) {
    outcome.usage.memory_max_bytes = link_->MemoryBytesLately();
  }
  outcome.output = result.output;
  outcome.error = result.error;
  switch (result.ending) {
    case WorkerResult::Ending::kSucceeded:
    case WorkerResult::Ending::kReturned:
      break;
    case WorkerResult::Ending::kError:
      outcome.ending = Ending::kError;
      break;
    case WorkerResult::Ending::kCancelled:
      // One that stopped without being asked has failed.
      outcome.ending = task.stop == PoolTask::Stop::kNone ? Ending::kError
                                                          : StoppedEnding(task);
      break;
  }
  owner_.OnTaskEnded(task, std::move(outcome));
}

std::string WorkerProcess::LogFolder(const PoolTask& task) const {
  if (!task.log_path.empty()) return task.log_path;
  return options_.log_folder + "/" + FileName(task.attempt.id);
}

void WorkerProcess::HandleLog(const WorkerLog& log) {
  for (PoolTask* task : held_) {
    if (task->worker_task != log.task) continue;
    task->log_path = LogFolder(*task);
    link_->SaveLog(log, task->log_path);
    return;
  }
}

void WorkerProcess::HandleFinding(WorkerFinding finding) {
  for (const PoolTask* task : held_) {
    if (task->worker_task != finding.task) continue;
    finding.finding.task = task->attempt.id.task;
    if (finding.finding.progress) finding.finding.job = task->attempt.id.job;
    break;
  }
  owner_.OnFinding(std::move(finding.finding));
}

void WorkerProcess::OnWorkerEnded(const WorkerEnd& end) {
  Gone gone;
  gone.was_ready = state_ == State::kReady || state_ == State::kDraining;
  gone.expected = state_ == State::kDraining && held_.empty();
  gone.could_start = end.could_start;
  gone.ending = end.ending;
  gone.how = end.how;
  gone.last_words = end.last_words;
  gone.exit = ExitOf(end, gone);
  state_ = State::kGone;
  const uint64_t begun = link_->cell().Current();
  for (PoolTask* task : std::exchange(held_, {})) {
    task->place = PoolTask::Place::kQueued;
    task->worker = nullptr;
    if (task->worker_task == begun) {
      gone.ran = task;
      gone.ran_for = loop_.Now() - front_since_;
      const std::string folder = LogFolder(*task);
      if (link_->SaveOutput(folder)) task->log_path = folder;
    } else {
      gone.others.push_back(task);
    }
  }
  owner_.OnWorkerGone(*this, std::move(gone));
}

WorkerProcess::Exit WorkerProcess::ExitOf(const WorkerEnd& end,
                                          const Gone& gone) const {
  if (end.ending == Ending::kOom) return Exit::kOom;
  if (link_->broken()) return Exit::kError;
  if (end.killed_by_us) return Exit::kTimeout;
  if (end.by_signal) return Exit::kSignal;
  return end.exited && gone.expected ? Exit::kRecycled : Exit::kError;
}

}  // namespace remuda

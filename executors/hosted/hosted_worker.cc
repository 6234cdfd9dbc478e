#include "executors/hosted/hosted_worker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace remuda {

namespace {

// For so long what a worker said of its loop's use counts.
constexpr Duration kFullKept = std::chrono::seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<HostedWorker>> HostedWorker::Start(
    EventLoop& loop, ProcessHost& host, OomWatch& oom,
    const HostedOptions& options, const WorkerCommand& command,
    const WorkerHosting& hosting, Owner& owner) {
  std::unique_ptr<HostedWorker> worker(
      new HostedWorker(loop, options, hosting, owner));
  const WorkerPlace place{.work_folder = options.work_folder,
                          .log_folder = options.log_folder,
                          .start_max = options.worker_start_max};
  auto link =
      WorkerLink::Start(loop, host, oom, place, command, hosting, *worker);
  if (!link.ok()) return link.status();
  worker->link_ = *std::move(link);
  return worker;
}

size_t HostedWorker::room() const {
  if (state_ != State::kReady || link_->broken()) return 0;
  const size_t limit = std::min(hosting_.slots, credits_);
  return limit > held_.size() ? limit - held_.size() : 0;
}

void HostedWorker::Send(std::span<HostedTask* const> tasks, bool with_items) {
  CHECK(!tasks.empty() && tasks.size() <= room());
  if (held_.empty()) {
    full_since_ = loop_.Now();
    said_full_at_.reset();
  }
  std::vector<WorkerTask> sent;
  sent.reserve(tasks.size());
  for (HostedTask* task : tasks) {
    task->worker = this;
    task->number = next_number_++;
    held_.emplace_hint(held_.end(), task->number, task);
    sent.push_back({.number = task->number,
                    .attempt = &task->attempt,
                    .parameters = task->parameters});
  }
  link_->Send(TasksMessage(sent, with_items));
  NoteHeld();
}

void HostedWorker::NoteHeld() {
  if (lock_watch_ != nullptr) {
    lock_watch_->SetRunning(std::min(held_.size(), hosting_.slots));
  }
}

void HostedWorker::Ask(const HostedTask& task) {
  link_->Send(CancelMessage(task.number));
}

void HostedWorker::Condemn(const HostedTask& task) {
  const bool blocks = hosting_.mode == WorkerMode::kLoop &&
                      link_->cell().Current() == task.number;
  if (blocks) return Kill();
  if (state_ != State::kCondemned) {
    state_ = State::kCondemned;
    link_->LimitEnd(options_.neighbours_max);
  }
  KillIfNeighboursAreDone();
}

void HostedWorker::Kill() {
  state_ = State::kCondemned;
  link_->Kill();
}

void HostedWorker::KillIfNeighboursAreDone() {
  if (state_ != State::kCondemned) return;
  const bool others =
      std::any_of(held_.begin(), held_.end(),
                  [](const auto& entry) { return !entry.second->forced; });
  if (!others) link_->Kill();
}

void HostedWorker::Drain() {
  if (state_ != State::kReady) return;
  state_ = State::kDraining;
  link_->Send(DrainMessage());
  if (held_.empty()) link_->LimitEnd(options_.worker_end_max);
}

bool HostedWorker::ShouldRetire(bool weigh) const {
  return state_ == State::kReady &&
         (tasks_done_ >= options_.worker_tasks_max ||
          loop_.Now() - link_->started() >= options_.worker_age_max ||
          (weigh && link_->MemoryBytes() > options_.worker_memory_bytes_max));
}

bool HostedWorker::is_full() const {
  if (hosting_.mode != WorkerMode::kLoop || state_ != State::kReady) {
    return false;
  }
  if (held_.empty()) return false;
  const MonotonicTime now = loop_.Now();
  return (said_full_at_ && now - *said_full_at_ < kFullKept) ||
         now - full_since_ >= options_.full_min;
}

void HostedWorker::NoteFull() {
  said_full_at_ = loop_.Now();
  owner_.OnWorkerReady(*this);
}

void HostedWorker::LookAtUse() {
  const MonotonicTime now = loop_.Now();
  const Duration before = cpu_;
  cpu_ = link_->CpuTime().value_or(before);
  const std::chrono::duration<double> used = cpu_ - before;
  const std::chrono::duration<double> lasted = now - looked_at_;
  // While Python's loop does not turn it may be an import that takes so much.
  const bool may_import = link_->is_python() && pongs_ != pings_;
  if (may_import || used < options_.full_share * lasted) full_since_ = now;
  looked_at_ = now;
}

void HostedWorker::Look() {
  link_->TrimOutput();
  if (hosting_.mode != WorkerMode::kLoop) return;
  if (state_ == State::kStarting || state_ == State::kGone) return;
  LookAtUse();
  if (held_.empty()) return;
  if (pongs_ == pings_) {
    pinged_at_ = loop_.Now();
    link_->Send(PingMessage(++pings_));
  } else if (loop_.Now() - pinged_at_ >= options_.blocked_min) {
    TellBlocked();
  }
}

// The worker itself says so sooner and better, with function and line, unless
// what blocks it also keeps its watchdog from running.
void HostedWorker::TellBlocked() {
  const uint64_t current = link_->cell().Current();
  const auto task = held_.find(current);
  if (task == held_.end() || told_blocked_ == current) return;
  told_blocked_ = current;
  const AttemptId& id = task->second->attempt.id;
  Finding finding;
  finding.job = id.job;
  finding.task = id.task;
  finding.code = "loop_blocked";
  finding.text =
      "the task has kept the event loop from turning; what computes or blocks "
      "belongs on 'thread-pool' or 'process-pool', or into offload()";
  finding.duration = loop_.Now() - pinged_at_;
  owner_.OnFinding(std::move(finding));
  if (!link_->is_python()) NoteFull();
}

void HostedWorker::OnWorkerMessage(WorkerMessage message) {
  if (const auto* ready = std::get_if<WorkerReady>(&message)) {
    credits_ = std::max<size_t>(1, ready->credits);
    if (state_ == State::kReady) owner_.OnWorkerReady(*this);
    if (state_ != State::kStarting) return;
    state_ = State::kReady;
    looked_at_ = full_since_ = loop_.Now();
    if (hosting_.mode == WorkerMode::kThreads && link_->is_python()) {
      lock_watch_ = std::make_unique<LockWatch>(loop_, link_->pid());
    }
    owner_.OnWorkerReady(*this);
  } else if (const auto* results =
                 std::get_if<std::vector<WorkerResult>>(&message)) {
    HandleResults(*results);
  } else if (const auto* log = std::get_if<WorkerLog>(&message)) {
    const auto task = held_.find(log->task);
    if (task == held_.end()) return;
    task->second->log_path = LogFolder(*task->second);
    link_->SaveLog(*log, task->second->log_path);
  } else if (auto* finding = std::get_if<WorkerFinding>(&message)) {
    HandleFinding(std::move(*finding));
  } else if (const auto* pong = std::get_if<WorkerPong>(&message)) {
    pongs_ = std::min(pong->number, pings_);
  } else if (std::holds_alternative<WorkerFull>(message)) {
    NoteFull();
  }
}

void HostedWorker::HandleResults(const std::vector<WorkerResult>& results) {
  for (const WorkerResult& result : results) {
    if (result.first >= next_number_ ||
        result.count > next_number_ - result.first) {
      link_->Break("ended a task that it was never given");
      return;
    }
    // Nothing took longer than the worker lived, whatever it says.
    const Duration wall =
        std::min(result.wall / static_cast<int64_t>(result.count),
                 loop_.Now() - link_->started());
    for (uint64_t i = 0; i < result.count; ++i) {
      const auto found = held_.find(result.first + i);
      if (found == held_.end()) {
        link_->Break("ended a task twice");
        return;
      }
      HostedTask& task = *found->second;
      held_.erase(found);
      EndTask(task, result, wall);
    }
  }
  if (state_ == State::kDraining && held_.empty()) {
    link_->LimitEnd(options_.worker_end_max);
  }
  KillIfNeighboursAreDone();
  NoteHeld();
  owner_.OnWorkerReady(*this);
}

void HostedWorker::Complete(Usage& usage, Duration wall) {
  if (!usage.memory_max_bytes) {
    usage.memory_max_bytes = link_->MemoryBytesLately();
  }
  if (usage.gil_wait || !usage.cpu) return;
  if (hosting_.mode != WorkerMode::kThreads || !link_->is_python()) return;
  if (!link_->has_interpreter_lock()) {
    usage.gil_wait = Duration::zero();
    return;
  }
  const std::optional<double> share =
      lock_watch_ == nullptr ? std::nullopt : lock_watch_->share();
  if (!share) return;
  // What it neither computed nor stood in the kernel's queue it waited.
  const Duration waited = std::max(
      Duration::zero(),
      wall - *usage.cpu - usage.run_queue_delay.value_or(Duration::zero()));
  usage.gil_wait = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, Duration::period>(waited) * *share);
}

void HostedWorker::EndTask(HostedTask& task, const WorkerResult& result,
                           Duration wall) {
  task.worker = nullptr;
  ++tasks_done_;
  Outcome outcome;
  outcome.wall = wall;
  outcome.log_path = task.log_path;
  outcome.usage = result.usage;
  if (outcome.usage.cpu.has_value()) {
    *outcome.usage.cpu /= static_cast<int64_t>(result.count);
  }
  for (auto* of_all :
       {&outcome.usage.loop_wait, &outcome.usage.run_queue_delay}) {
    if (of_all->has_value()) **of_all /= static_cast<int64_t>(result.count);
  }
  Complete(outcome.usage, wall);
  outcome.output = result.output;
  outcome.error = result.error;
  const bool asked = task.stop != HostedTask::Stop::kNone;
  switch (result.ending) {
    case WorkerResult::Ending::kSucceeded:
      break;
    case WorkerResult::Ending::kError:
      outcome.ending = Ending::kError;
      break;
    case WorkerResult::Ending::kCancelled:
      // One that stopped without being asked has failed.
      outcome.ending = asked ? StoppedEnding(task) : Ending::kError;
      break;
    case WorkerResult::Ending::kReturned:
      // Nothing is taken back from these workers: it is their own wish, as
      // when an import of another job ends them.
      outcome.ending = asked ? StoppedEnding(task) : Ending::kEvicted;
      break;
  }
  owner_.OnTaskEnded(task, std::move(outcome));
}

void HostedWorker::HandleFinding(WorkerFinding finding) {
  const auto task = held_.find(finding.task);
  if (task != held_.end()) {
    const AttemptId& id = task->second->attempt.id;
    finding.finding.task = id.task;
    if (finding.finding.progress) finding.finding.job = id.job;
  }
  if (finding.finding.code == "loop_blocked") {
    told_blocked_ = finding.task;
    NoteFull();
  }
  owner_.OnFinding(std::move(finding.finding));
}

std::string HostedWorker::LogFolder(const HostedTask& task) const {
  if (!task.log_path.empty()) return task.log_path;
  const AttemptId& id = task.attempt.id;
  return options_.log_folder + "/" + std::to_string(id.job.value) + "-" +
         std::to_string(id.task) + "-" + std::to_string(id.fence.value);
}

void HostedWorker::OnWorkerEnded(const WorkerEnd& end) {
  Gone gone;
  gone.end = end;
  gone.expected = state_ == State::kDraining && held_.empty();
  gone.condemned = state_ == State::kCondemned;
  gone.broken = link_->broken();
  state_ = State::kGone;
  const uint64_t current = hosting_.mode == WorkerMode::kLoop
                               ? link_->cell().Current()
                               : uint64_t{0};
  for (const auto& [number, task] : std::exchange(held_, {})) {
    task->worker = nullptr;
    gone.tasks.push_back(task);
    if (number == current || (is_solo() && !gone.condemned)) {
      gone.current = task;
    }
  }
  if (gone.current != nullptr) {
    const std::string folder = LogFolder(*gone.current);
    if (link_->SaveOutput(folder)) gone.current->log_path = folder;
  }
  owner_.OnWorkerGone(*this, std::move(gone));
}

}  // namespace remuda

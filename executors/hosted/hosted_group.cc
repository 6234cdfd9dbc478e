#include "executors/hosted/hosted_group.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace remuda {
namespace {

// Another worker with threads is started when each would have so much in hand:
// threads of one interpreter take turns.
constexpr size_t kTasksPerThreads = 4;

// How many workers in a row may fail to start before the tasks that wait for
// one are failed; and the pause before another is tried.
constexpr int kStartFailuresMax = 3;
constexpr Duration kPauseFirst = std::chrono::milliseconds(100);
constexpr Duration kPauseMax = std::chrono::seconds(30);

// How often a task may begin anew because a neighbour ended its worker.
constexpr uint32_t kReturnsMax = 20;

// Reading a worker's memory costs a look into /proc.
constexpr Duration kWeighingPause = std::chrono::seconds(1);

}  // namespace

HostedGroup::HostedGroup(EventLoop& loop, ProcessHost& host, OomWatch& oom,
                         const HostedOptions& options, WorkerCommand command,
                         Ended ended, Found found,
                         std::function<void()> changed)
    : loop_(loop),
      host_(host),
      oom_(oom),
      options_(options),
      command_(std::move(command)),
      ended_(std::move(ended)),
      found_(std::move(found)),
      changed_(std::move(changed)) {}

bool HostedGroup::is_busy() const {
  return !queue_.empty() || !suspects_.empty() ||
         std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
           return worker->held() > 0 ||
                  worker->state() == HostedWorker::State::kStarting;
         });
}

void HostedGroup::Count(WorkerNumbers& numbers) const {
  for (const auto& worker : workers_) {
    switch (worker->state()) {
      case HostedWorker::State::kStarting:
        ++numbers.starting;
        break;
      case HostedWorker::State::kReady:
        ++(worker->held() > 0 ? numbers.busy : numbers.idle);
        break;
      default:
        ++numbers.draining;
    }
  }
  numbers.exits_recycled += exits_.exits_recycled;
  numbers.exits_error += exits_.exits_error;
  numbers.exits_signal += exits_.exits_signal;
  numbers.exits_oom += exits_.exits_oom;
  numbers.exits_timeout += exits_.exits_timeout;
}

void HostedGroup::CountExit(const HostedWorker::Gone& gone) {
  if (gone.end.ending == Ending::kOom) {
    ++exits_.exits_oom;
  } else if (gone.condemned || gone.end.killed_by_us) {
    ++exits_.exits_timeout;
  } else if (gone.end.by_signal) {
    ++exits_.exits_signal;
  } else if (gone.expected) {
    ++exits_.exits_recycled;
  } else {
    ++exits_.exits_error;
  }
}

void HostedGroup::Pump() {
  PumpSuspects();
  PumpQueue();
}

size_t HostedGroup::InHand() const {
  size_t count = queue_.size();
  for (const auto& worker : workers_) {
    if (worker->state() == HostedWorker::State::kReady && !worker->is_solo()) {
      count += worker->held();
    }
  }
  return count;
}

// Workers that take tasks now or soon.
size_t HostedGroup::Alive(bool solo) const {
  return static_cast<size_t>(
      std::count_if(workers_.begin(), workers_.end(), [&](const auto& worker) {
        return worker->is_solo() == solo &&
               (worker->state() == HostedWorker::State::kStarting ||
                worker->state() == HostedWorker::State::kReady);
      }));
}

// How many workers there should be, now that there are tasks to give.
size_t HostedGroup::Wanted(size_t in_hand) const {
  // After a failure one at a time, until it is known whether they can start.
  if (failures_ > 0) return 1;
  const size_t most = std::min({options_.workers_max, options_.slots, in_hand});
  if (options_.kind == ExecutorKind::kThreadPool) {
    return std::min(most, (in_hand + kTasksPerThreads - 1) / kTasksPerThreads);
  }
  const bool solo = options_.slots == 1;
  const size_t alive = Alive(solo);
  const auto full = static_cast<size_t>(
      std::count_if(workers_.begin(), workers_.end(), [&](const auto& worker) {
        return worker->is_solo() == solo && worker->is_full();
      }));
  // One that still starts is not full, and may turn out to be enough.
  return full < alive ? alive : std::clamp<size_t>(2 * alive, 1, most);
}

void HostedGroup::PumpQueue() {
  if (queue_.empty()) return;
  const bool solo = options_.slots == 1;
  const size_t in_hand = InHand();
  const size_t wanted = Wanted(in_hand);
  // A loop may get all of them: where they only wait it stays the only one.
  const size_t slots =
      options_.kind == ExecutorKind::kAsync
          ? options_.slots
          : (options_.slots + options_.workers_max - 1) / options_.workers_max;
  while (loop_.Now() >= next_start_ && Alive(solo) < wanted) {
    // A worker of one slot is what suspects get.
    if (!StartWorker(solo ? 1 : std::max<size_t>(slots, 2))) return;
  }
  const size_t alive = std::max<size_t>(1, Alive(solo));
  // Those that still start get their part too.
  const size_t share = (in_hand + alive - 1) / alive;
  while (!queue_.empty()) {
    HostedWorker* worker = Emptiest(share);
    if (worker == nullptr) return;
    Feed(*worker, share - worker->held());
  }
}

HostedWorker* HostedGroup::Emptiest(size_t share) const {
  const bool solo = options_.slots == 1;
  HostedWorker* best = nullptr;
  for (const auto& worker : workers_) {
    if (worker->is_solo() != solo || worker->room() == 0) continue;
    if (worker->held() >= share) continue;
    if (best == nullptr || worker->held() < best->held()) best = worker.get();
  }
  return best;
}

// Gives it tasks of one job from the front of the queue.
void HostedGroup::Feed(HostedWorker& worker, size_t most) {
  most = std::min(most, worker.room());
  std::vector<HostedTask*> tasks;
  const JobWork* work = queue_.front()->attempt.work.get();
  while (tasks.size() < most && !queue_.empty() &&
         queue_.front()->attempt.work.get() == work) {
    HostedTask* task = queue_.front();
    queue_.pop_front();
    if (Prepare(*task)) tasks.push_back(task);
  }
  if (!tasks.empty()) worker.Send(tasks, command_.reads_items);
}

void HostedGroup::PumpSuspects() {
  const bool all_solo = options_.slots == 1;
  for (const auto& worker : workers_) {
    if (!worker->is_solo() || worker->held() > 0) continue;
    if (!suspects_.empty() && worker->room() > 0) {
      HostedTask* task = suspects_.front();
      suspects_.pop_front();
      if (Prepare(*task)) worker->Send({&task, 1}, command_.reads_items);
    } else if (suspects_.empty() && !all_solo &&
               loop_.Now() >= keep_solos_until_) {
      worker->Drain();  // if it is ready; nothing else is for it
    }
  }
  while (!suspects_.empty() && loop_.Now() >= next_start_ &&
         Alive(true) < std::min(options_.workers_max, suspects_.size())) {
    if (!StartWorker(1)) return;
  }
}

// Renders the parameters; false if that failed and ended the task.
bool HostedGroup::Prepare(HostedTask& task) {
  const Attempt& attempt = task.attempt;
  if (attempt.work->parameters.is_constant()) return true;
  auto text = attempt.work->parameters.Render(attempt.item, attempt.id.task);
  if (!text.ok()) {
    EndWith(task, Ending::kError, std::string(text.status().message()));
    return false;
  }
  task.parameters = *std::move(text);
  return true;
}

bool HostedGroup::StartWorker(size_t slots) {
  const WorkerHosting hosting{.mode = options_.kind == ExecutorKind::kAsync
                                          ? WorkerMode::kLoop
                                          : WorkerMode::kThreads,
                              .slots = slots,
                              .cpus = command_.cpus};
  auto worker = HostedWorker::Start(loop_, host_, oom_, options_, command_,
                                    hosting, *this);
  if (!worker.ok()) {
    OnStartFailed(std::string(worker.status().message()), "", true);
    return false;
  }
  workers_.push_back(*std::move(worker));
  return true;
}

void HostedGroup::OnStartFailed(const std::string& why,
                                const std::string& last_words, bool for_good) {
  ++failures_;
  const Duration pause =
      std::min(kPauseMax, kPauseFirst * (1 << std::min(failures_, 12)));
  next_start_ = loop_.Now() + pause;
  loop_.RunAfter(pause, changed_);
  if (!for_good && failures_ < kStartFailuresMax) return;
  std::string error = "cannot start " + command_.name + ": " + why;
  if (!last_words.empty()) error += "\n" + last_words;
  for (auto* tasks : {&queue_, &suspects_}) {
    for (HostedTask* task : std::exchange(*tasks, {})) {
      EndWith(*task, Ending::kError, error);
    }
  }
}

void HostedGroup::OnWorkerReady(HostedWorker&) {
  failures_ = 0;
  changed_();
}

void HostedGroup::OnTaskEnded(HostedTask& task, Outcome outcome) {
  ended_(task, std::move(outcome));
}

void HostedGroup::OnWorkerGone(HostedWorker& worker, HostedWorker::Gone gone) {
  CountExit(gone);
  const auto found =
      std::find_if(workers_.begin(), workers_.end(),
                   [&](const auto& one) { return one.get() == &worker; });
  CHECK(found != workers_.end());
  dead_.push_back(std::move(*found));  // it is still on the stack
  workers_.erase(found);
  if (!gone.end.started) {
    OnStartFailed(gone.end.how, gone.end.last_words, !gone.end.could_start);
  } else if (!gone.expected && gone.tasks.empty()) {
    // It dies for no task's fault; do not spin.
    next_start_ = loop_.Now() + kPauseFirst;
    loop_.RunAfter(kPauseFirst, changed_);
  }
  Sort(gone);
  changed_();
}

// Decides what becomes of each task that a dead worker had.
void HostedGroup::Sort(HostedWorker::Gone& gone) {
  const bool by_us = gone.condemned;
  const bool lost = gone.end.ending == Ending::kEvicted;
  HostedTask* guilty = by_us || lost ? nullptr : gone.current;
  // A lie is not always told of a task that is still held.
  if (!by_us && !lost && !gone.broken && gone.tasks.size() == 1) {
    guilty = gone.tasks.front();
  }
  const bool unknown = !by_us && !lost && guilty == nullptr;
  std::vector<HostedTask*> again;
  for (HostedTask* task : gone.tasks) {
    const bool kept_waiting =
        by_us && gone.current != nullptr && task != gone.current;
    if (task->stop != HostedTask::Stop::kNone) {
      // One that had no chance to run in its time is not to blame for that.
      EndWith(*task, kept_waiting ? Ending::kEvicted : StoppedEnding(*task),
              kept_waiting ? "another task blocked the event loop" : "");
    } else if (task == guilty) {
      Blame(*task, gone.end);
    } else if (gone.end.lease_over) {
      EndWith(*task, Ending::kEvicted, command_.name + " " + gone.end.how);
    } else if (unknown) {
      task->suspect = true;
      suspects_.push_back(task);
    } else if (++task->returns <= kReturnsMax) {
      again.push_back(task);
    } else {
      EndWith(*task, Ending::kEvicted,
              "other tasks ended its worker " + std::to_string(task->returns) +
                  " times");
    }
  }
  queue_.insert(queue_.begin(), again.begin(), again.end());
  if (unknown && !gone.tasks.empty()) {
    keep_solos_until_ = loop_.Now() + options_.solos_kept;
    loop_.RunAfter(options_.solos_kept, changed_);
  }
}

void HostedGroup::Blame(HostedTask& task, const WorkerEnd& end) {
  Outcome outcome;
  outcome.ending = end.ending;
  outcome.log_path = task.log_path;
  outcome.error = command_.name + " " + end.how + " while it ran the task";
  if (!end.last_words.empty()) outcome.error += "\n" + end.last_words;
  ended_(task, std::move(outcome));
}

void HostedGroup::EndWith(HostedTask& task, Ending ending, std::string error) {
  Outcome outcome;
  outcome.ending = ending;
  outcome.error = std::move(error);
  outcome.log_path = task.log_path;
  ended_(task, std::move(outcome));
}

void HostedGroup::Stop(HostedTask& task, CancelMode mode) {
  if (task.worker == nullptr) {
    std::erase(queue_, &task);
    std::erase(suspects_, &task);
    Outcome outcome;
    outcome.ending = StoppedEnding(task);
    // What waits for the second time may have begun the first time.
    outcome.started = task.suspect || task.returns > 0;
    outcome.log_path = task.log_path;
    ended_(task, std::move(outcome));
  } else if (mode == CancelMode::kForce) {
    task.forced = true;
    task.worker->Condemn(task);
  } else {
    task.worker->Ask(task);
  }
}

void HostedGroup::Look() {
  const bool weigh = loop_.Now() >= next_weighing_;
  if (weigh) next_weighing_ = loop_.Now() + kWeighingPause;
  for (const auto& worker : workers_) {
    if (worker->ShouldRetire(weigh)) worker->Drain();
    worker->Look();
  }
  changed_();
}

void HostedGroup::Flush() {
  for (const auto& worker : workers_) worker->Flush();
  dead_.clear();
}

}  // namespace remuda

#include "executors/process_pool/worker_group.h"

#include <algorithm>
#include <utility>

namespace remuda {
namespace {

// How many workers in a row may fail to start before the tasks that wait for
// one are failed; and the pause before another is tried.
constexpr int kStartFailuresMax = 3;
constexpr Duration kPauseFirst = std::chrono::milliseconds(100);
constexpr Duration kPauseMax = std::chrono::seconds(30);

// How often a task may be given back by a worker that died for no task's fault
// before it is given up.
constexpr uint32_t kReturnsMax = 5;

// A task that runs this long keeps none waiting behind it; nor does a worker
// that has begun nothing for so long.
constexpr Duration kHeldUpMax = std::chrono::milliseconds(10);
constexpr Duration kSilentMax = std::chrono::seconds(1);

// What was taken back is work for the worker too. On a machine with too much
// to do short tasks look long, and taking back more often would be all that
// gets done.
constexpr Duration kTakeBackPause = std::chrono::milliseconds(500);

// A worker that is woken gets at least so much work, if there is as much.
constexpr Duration kShareMin = std::chrono::microseconds(500);

// Reading a worker's memory costs a look into /proc.
constexpr Duration kWeighingPause = std::chrono::seconds(1);

// Tasks that a new worker gets at once where workers die.
constexpr size_t kTrustMin = 32;

// How often it is looked for spares without need.
constexpr Duration kSparePause = std::chrono::seconds(1);

// Jobs whose service time is remembered.
constexpr size_t kJobsMax = 1024;

}  // namespace

WorkerGroup::WorkerGroup(EventLoop& loop, ProcessHost& host, OomWatch& oom,
                         const ProcessPoolOptions& options,
                         WorkerCommand command, Ended ended, Found found,
                         std::function<void()> changed)
    : loop_(loop),
      host_(host),
      oom_(oom),
      options_(options),
      command_(std::move(command)),
      ended_(std::move(ended)),
      found_(std::move(found)),
      changed_(std::move(changed)),
      spare_count_(std::max<size_t>(1, options.slots / command_.cpus),
                   options.spares_kept) {}

size_t WorkerGroup::busy() const {
  return static_cast<size_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) {
        return !worker->held().empty() ||
               (worker->state() == WorkerProcess::State::kStarting &&
                !worker->is_spare());
      }));
}

const ServiceTime& WorkerGroup::TimeOf(const PoolTask& task) const {
  static const ServiceTime unknown;
  const auto found = times_.find(task.attempt.id.job);
  return found == times_.end() ? unknown : found->second;
}

size_t WorkerGroup::MayWaitBehind(const PoolTask& task) const {
  const ServiceTime& time = TimeOf(task);
  return queue_.size() > options_.slots ? time.WaitingInLine() : time.Waiting();
}

void WorkerGroup::Count(WorkerNumbers& numbers) const {
  for (const auto& worker : workers_) {
    if (worker->state() == WorkerProcess::State::kStarting) {
      ++numbers.starting;
    } else if (worker->state() == WorkerProcess::State::kDraining) {
      ++numbers.draining;
    } else if (worker->held().empty()) {
      ++numbers.idle;
    } else {
      ++numbers.busy;
    }
  }
  numbers.exits_recycled += exits_.exits_recycled;
  numbers.exits_error += exits_.exits_error;
  numbers.exits_signal += exits_.exits_signal;
  numbers.exits_oom += exits_.exits_oom;
  numbers.exits_timeout += exits_.exits_timeout;
}

void WorkerGroup::CountExit(WorkerProcess::Exit exit) {
  switch (exit) {
    case WorkerProcess::Exit::kRecycled:
      ++exits_.exits_recycled;
      return;
    case WorkerProcess::Exit::kError:
      ++exits_.exits_error;
      return;
    case WorkerProcess::Exit::kSignal:
      ++exits_.exits_signal;
      return;
    case WorkerProcess::Exit::kOom:
      ++exits_.exits_oom;
      return;
    case WorkerProcess::Exit::kTimeout:
      ++exits_.exits_timeout;
      return;
  }
}

void WorkerGroup::Pump(size_t free, bool only_idle) {
  while (!queue_.empty()) {
    WorkerProcess* worker = NextToFeed(free, only_idle);
    if (worker == nullptr) break;
    if (worker->held().empty()) --free;
    Feed(*worker);
  }
  if (!queue_.empty()) StartWorkers(free);
  StartSpares();
  PrepareSpares();
}

// An idle worker if there is a slot for it, else one whose tasks are short.
WorkerProcess* WorkerGroup::NextToFeed(size_t free, bool only_idle) {
  WorkerProcess* busy = nullptr;
  for (const auto& worker : workers_) {
    if (!worker->CanTake()) continue;
    if (worker->held().empty()) {
      if (free > 0) return worker.get();
    } else if (!only_idle && HasRoom(*worker) &&
               (busy == nullptr ||
                worker->held().size() < busy->held().size())) {
      busy = worker.get();
    }
  }
  return busy;
}

// How many tasks it should hold, the next ones in the queue included. While
// workers die one is trusted with as many as it has done: all that it holds
// when it dies have to be sent again.
size_t WorkerGroup::HeldMax(const WorkerProcess& worker) const {
  const size_t most =
      std::min(worker.credits(), 1 + MayWaitBehind(*queue_.front()));
  if (spare_count_.Wanted(loop_.Now()) == 0) return most;
  return std::min(most, std::max<size_t>(kTrustMin, worker.tasks_done()));
}

bool WorkerGroup::HasRoom(const WorkerProcess& worker) const {
  // The one that runs may be of another job, and a long one.
  return worker.held().size() < HeldMax(worker) &&
         MayWaitBehind(*worker.held().front()) > 0;
}

// Gives it tasks of one job from the front of the queue, as many as it should
// hold.
void WorkerGroup::Feed(WorkerProcess& worker) {
  const ServiceTime& time = TimeOf(*queue_.front());
  size_t room = HeldMax(worker);
  room -= std::min(room, worker.held().size());
  if (time.known()) {
    // Leave something for the others, unless that is not worth waking them.
    const size_t share =
        queue_.size() / std::max<size_t>(1, workers_.size() - Spares());
    const auto least = static_cast<size_t>(kShareMin / time.mean());
    room = std::min(room, std::max({share, least, size_t{1}}));
  }
  std::vector<PoolTask*> tasks;
  const JobWork* work = queue_.front()->attempt.work.get();
  while (tasks.size() < std::max<size_t>(room, 1) && !queue_.empty() &&
         queue_.front()->attempt.work.get() == work) {
    PoolTask* task = queue_.front();
    queue_.pop_front();
    if (Prepare(*task)) tasks.push_back(task);
  }
  if (!tasks.empty()) worker.Send(tasks, command_.reads_items);
}

// Renders the parameters; false if that failed and ended the task.
bool WorkerGroup::Prepare(PoolTask& task) {
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

void WorkerGroup::StartWorkers(size_t free) {
  if (loop_.Now() < next_start_) return;
  size_t starting = 0;
  bool some_will_take = false;
  for (const auto& worker : workers_) {
    const bool starts = worker->state() == WorkerProcess::State::kStarting;
    starting += starts && !worker->is_spare();
    some_will_take |= starts || worker->CanTake();
  }
  size_t wanted = std::min(queue_.size(), options_.slots);
  const ServiceTime& time = TimeOf(*queue_.front());
  if (time.known() && some_will_take) {
    // Short tasks, which the present workers will soon have done.
    wanted = queue_.size() / (1 + time.Waiting());
  }
  // After a failure one at a time, until it is known whether they can start.
  if (failures_ > 0) wanted = std::min<size_t>(wanted, 1);
  // A spare that starts is further than one that would start now.
  for (const auto& worker : workers_) {
    if (starting >= wanted || free == 0) break;
    if (!worker->is_spare() ||
        worker->state() != WorkerProcess::State::kStarting) {
      continue;
    }
    worker->SetSpare(false);
    ++starting;
    --free;
  }
  while (starting < wanted && free > 0 &&
         workers_.size() - Spares() < options_.slots) {
    if (!StartOne(/*is_spare=*/false)) return;
    ++starting;
    --free;
  }
}

// What no spare can do is no task's failure.
bool WorkerGroup::StartOne(bool is_spare) {
  auto worker =
      WorkerProcess::Start(loop_, host_, oom_, options_, command_, *this);
  if (worker.ok()) {
    workers_.push_back(*std::move(worker));
    workers_.back()->SetSpare(is_spare);
  } else if (is_spare) {
    spare_count_.SpareFailed(loop_.Now());
  } else {
    OnStartFailed(std::string(worker.status().message()), "", true);
  }
  return worker.ok();
}

size_t WorkerGroup::Spares() const {
  return static_cast<size_t>(
      std::count_if(workers_.begin(), workers_.end(),
                    [](const auto& worker) { return worker->is_spare(); }));
}

// Some task that a worker has, as an example of what may come.
const PoolTask* WorkerGroup::OneHeld() const {
  for (const auto& worker : workers_) {
    if (!worker->held().empty()) return worker->held().front();
  }
  return nullptr;
}

// Only while there is work, as nothing is lost otherwise.
void WorkerGroup::StartSpares() {
  const size_t wanted = spare_count_.Wanted(loop_.Now());
  if (wanted == 0 || failures_ > 0 || OneHeld() == nullptr) return;
  while (Spares() < wanted && workers_.size() < options_.slots + wanted) {
    if (!StartOne(/*is_spare=*/true)) return;
  }
}

void WorkerGroup::PrepareSpares() {
  const PoolTask* task = nullptr;
  for (const auto& worker : workers_) {
    if (!worker->is_spare()) continue;
    if (task == nullptr) task = OneHeld();
    if (task != nullptr) worker->PrepareFor(*task);
  }
}

// A worker that had run tasks is no more, or soon will not be.
void WorkerGroup::NoteLoss() {
  spare_count_.WorkerLost(loop_.Now());
  if (std::exchange(will_drain_spares_, true)) return;
  loop_.RunAfter(options_.spares_kept, [this] { DrainSpares(); });
}

// Ends those that wait without need, until none is left to look after.
void WorkerGroup::DrainSpares() {
  const size_t wanted = spare_count_.Wanted(loop_.Now());
  size_t extra = workers_.size() - std::min(workers_.size(), options_.slots);
  extra -= std::min(extra, wanted);
  for (auto worker = workers_.rbegin(); worker != workers_.rend() && extra > 0;
       ++worker) {
    if (!(*worker)->CanTake() || !(*worker)->held().empty()) continue;
    (*worker)->SetSpare(true);
    (*worker)->Drain();
    --extra;
  }
  will_drain_spares_ = wanted > 0 || extra > 0;
  if (will_drain_spares_) {
    loop_.RunAfter(kSparePause, [this] { DrainSpares(); });
  }
}

void WorkerGroup::OnStartFailed(const std::string& why,
                                const std::string& last_words, bool for_good) {
  ++failures_;
  const Duration pause =
      std::min(kPauseMax, kPauseFirst * (1 << std::min(failures_, 12)));
  next_start_ = loop_.Now() + pause;
  loop_.RunAfter(pause, changed_);
  if (!for_good && failures_ < kStartFailuresMax) return;
  std::string error = "cannot start " + command_.name + ": " + why;
  if (!last_words.empty()) error += "\n" + last_words;
  for (PoolTask* task : std::exchange(queue_, {})) {
    EndWith(*task, Ending::kError, error);
  }
}

void WorkerGroup::OnWorkerReady(WorkerProcess&) {
  failures_ = 0;
  changed_();
}

void WorkerGroup::OnTaskEnded(PoolTask& task, Outcome outcome) {
  if (times_.size() >= kJobsMax) times_.clear();
  times_[task.attempt.id.job].Add(outcome.ending, outcome.wall);
  ended_(task, std::move(outcome));
}

void WorkerGroup::OnTaskReturned(PoolTask& task) {
  Requeue({&task});
  changed_();
}

void WorkerGroup::Requeue(const std::vector<PoolTask*>& tasks) {
  for (auto task = tasks.rbegin(); task != tasks.rend(); ++task) {
    if ((*task)->stop != PoolTask::Stop::kNone) {
      EndInLine(**task);
    } else {
      queue_.push_front(*task);
    }
  }
}

void WorkerGroup::OnWorkerGone(WorkerProcess& worker,
                               WorkerProcess::Gone gone) {
  CountExit(gone.exit);
  if (gone.ran != nullptr || worker.tasks_done() > 0) {
    if (!gone.expected) NoteLoss();
  } else if (worker.is_spare() && !gone.expected) {
    spare_count_.SpareFailed(loop_.Now());
  }
  const auto found =
      std::find_if(workers_.begin(), workers_.end(),
                   [&](const auto& one) { return one.get() == &worker; });
  dead_.push_back(std::move(*found));  // it is still on the stack
  workers_.erase(found);
  std::vector<PoolTask*> others;
  for (PoolTask* task : gone.others) {
    // Where one task is to blame, the next death is another's fault.
    if (gone.ran != nullptr || ++task->returns <= kReturnsMax) {
      others.push_back(task);
    } else {
      EndWith(*task, Ending::kEvicted,
              command_.name + " died " + std::to_string(task->returns) +
                  " times before the task's turn");
    }
  }
  Requeue(others);
  if (gone.ran != nullptr) {
    PoolTask& task = *gone.ran;
    Outcome outcome;
    outcome.wall = gone.ran_for;
    outcome.log_path = task.log_path;
    const bool stopped = task.stop != PoolTask::Stop::kNone;
    outcome.ending = stopped ? StoppedEnding(task) : gone.ending;
    if (!stopped) {
      outcome.error = command_.name + " " + gone.how + " while it ran the task";
      if (!gone.last_words.empty()) outcome.error += "\n" + gone.last_words;
    }
    ended_(task, std::move(outcome));
  } else if (!gone.was_ready && !worker.is_spare()) {
    OnStartFailed(gone.how, gone.last_words, !gone.could_start);
  } else if (!gone.expected && !gone.others.empty()) {
    // It dies whenever it is given work; do not spin.
    next_start_ = loop_.Now() + kPauseFirst;
    loop_.RunAfter(kPauseFirst, changed_);
  }
  changed_();
}

// Stopped before its turn.
void WorkerGroup::EndInLine(PoolTask& task) {
  Outcome outcome;
  outcome.ending = StoppedEnding(task);
  outcome.started = false;
  ended_(task, std::move(outcome));
}

void WorkerGroup::EndWith(PoolTask& task, Ending ending, std::string error) {
  Outcome outcome;
  outcome.ending = ending;
  outcome.error = std::move(error);
  ended_(task, std::move(outcome));
}

void WorkerGroup::Stop(PoolTask& task, CancelMode mode) {
  if (task.worker == nullptr) {
    std::erase(queue_, &task);
    EndInLine(task);
    return;
  }
  WorkerProcess& worker = *task.worker;
  if (!worker.IsRunning(task)) {
    const std::vector<PoolTask*> taken = worker.TakeBack(task);
    const bool had_not_begun = !taken.empty() && taken.front() == &task;
    Requeue(taken);
    changed_();
    if (had_not_begun) return;
  }
  // It runs, or has run and its result is on the way.
  if (!worker.IsRunning(task)) return;
  if (mode == CancelMode::kForce) {
    worker.Kill();
  } else {
    worker.Ask(task);
  }
}

// What tasks left behind counts for the next one, which has its own limit.
uint64_t WorkerGroup::MemoryBytesMax() const {
  const uint64_t limit = command_.limits.memory_bytes;
  if (limit == 0) return options_.worker_memory_bytes_max;
  return std::min(options_.worker_memory_bytes_max, limit / 4 * 3);
}

bool WorkerGroup::ShouldRetire(const WorkerProcess& worker, bool weigh) const {
  return worker.state() == WorkerProcess::State::kReady &&
         (worker.tasks_done() >= options_.worker_tasks_max ||
          loop_.Now() - worker.started() >= options_.worker_age_max ||
          (weigh && worker.MemoryBytes() > MemoryBytesMax()));
}

// Whether tasks behind the first have waited too long for it.
bool WorkerGroup::IsHeldUp(const WorkerProcess& worker) const {
  const Duration limit = worker.is_running() ? kHeldUpMax : kSilentMax;
  return loop_.Now() - worker.front_since() >= limit &&
         loop_.Now() - worker.taken_back_at() >= kTakeBackPause;
}

void WorkerGroup::Look() {
  const bool weigh = loop_.Now() >= next_weighing_;
  if (weigh) next_weighing_ = loop_.Now() + kWeighingPause;
  for (const auto& worker : workers_) {
    const auto& held = worker->held();
    worker->TrimOutput();
    if (ShouldRetire(*worker, weigh)) {
      worker->Drain();
      NoteLoss();
      changed_();
    }
    if (held.empty() || loop_.Now() - worker->front_since() < kHeldUpMax) {
      continue;
    }
    if (worker->KeepsResults()) worker->Poke();
    // What runs may have been told to die when it did not run yet.
    for (PoolTask* task : held) {
      if (task->forced && worker->IsRunning(*task)) worker->Kill();
    }
    const auto next = std::find_if(
        held.begin(), held.end(),
        [&](const PoolTask* task) { return !worker->IsRunning(*task); });
    if (held.size() > 1 && next != held.end() && IsHeldUp(*worker)) {
      Requeue(worker->TakeBack(**next));
      changed_();
    }
  }
}

void WorkerGroup::Flush() {
  for (const auto& worker : workers_) worker->Flush();
  dead_.clear();
}

}  // namespace remuda

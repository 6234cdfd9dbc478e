#include "executors/thread_pool/thread_pool_executor.h"

#include <algorithm>
#include <deque>
#include <list>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "executors/handlers/run_blocking.h"
#include "executors/outcome_queue.h"
#include "executors/thread_meter.h"

namespace remuda {
namespace {

// Measuring what a thread uses takes system calls, so of shorter tasks only one
// in kUsageSampling pays for it.
constexpr Duration kShortTask = std::chrono::microseconds(100);
constexpr int kUsageSampling = 64;

// While tasks are that short, one thread is faster than many that take turns;
// another one stands by in case that a task does block after all.
constexpr Duration kTooShortToShare = std::chrono::microseconds(20);
constexpr Duration kStandBy = std::chrono::microseconds(500);
// Of one task in the average, so that a single pause counts little.
constexpr Duration kServiceMax = std::chrono::microseconds(200);

Outcome Unfinished(AttemptId id, Ending ending, Duration wall,
                   std::string error) {
  Outcome outcome;
  outcome.id = id;
  outcome.ending = ending;
  outcome.wall = wall;
  outcome.error = std::move(error);
  return outcome;
}

}  // namespace

// What the executor and its threads share.
//
// One thread at a time is on its way to work: it wakes or starts the next one
// once it has taken an attempt and sees more. So a batch of long tasks reaches
// all threads; while tasks are short the next one only stands by, and takes
// over if for kStandBy no attempt was taken.
class ThreadPoolExecutor::Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(ThreadPoolOptions options, BlockingHandlers handlers, const Clock& clock,
       Notify notify)
      : options_(options),
        handlers_(std::move(handlers)),
        clock_(clock),
        outcomes_(std::move(notify)) {}

  bool Knows(const std::string& type) const { return handlers_.contains(type); }

  void Add(std::span<const Attempt> batch) EXCLUDES(mutex_);
  void Cancel(AttemptId id, CancelMode mode) EXCLUDES(mutex_);
  std::vector<Outcome> TakeOutcomes() { return outcomes_.TakeAll(); }
  void Drain(MonotonicTime deadline) EXCLUDES(mutex_);
  void Stop() EXCLUDES(mutex_);
  size_t abandoned() EXCLUDES(mutex_);

 private:
  // A thread and what it runs. Guarded by mutex_.
  struct Worker {
    std::optional<AttemptId> current;
    MonotonicTime began;
    std::stop_source stop;
    bool abandoned = false;
  };

  void WakeOrStartOne() REQUIRES(mutex_);
  bool TasksAreShort() const REQUIRES(mutex_) {
    return service_ < kTooShortToShare;
  }
  void StandBy() REQUIRES(mutex_);
  void StartThread() REQUIRES(mutex_);
  // Waits for an attempt; none when the thread has to end.
  std::optional<Attempt> TakeNext(Worker& worker, MonotonicTime now,
                                  std::stop_token& stop) EXCLUDES(mutex_);
  // False if the attempt was given up before it ended.
  bool Finish(Worker& worker, Outcome outcome, MonotonicTime& now)
      EXCLUDES(mutex_);
  void Work(std::list<Worker>::iterator worker) EXCLUDES(mutex_);
  void Abandon(Worker& worker, Ending ending) REQUIRES(mutex_);
  void EvictAll() EXCLUDES(mutex_);
  void WatchDrain(MonotonicTime deadline) EXCLUDES(mutex_);

  const ThreadPoolOptions options_;
  const BlockingHandlers handlers_;
  const Clock& clock_;
  OutcomeQueue outcomes_;

  Mutex mutex_;
  CondVar work_;
  CondVar ended_;  // a thread has ended, or the pool stops
  std::deque<Attempt> waiting_ GUARDED_BY(mutex_);
  std::list<Worker> workers_ GUARDED_BY(mutex_);
  size_t idle_ GUARDED_BY(mutex_) = 0;
  size_t abandoned_ GUARDED_BY(mutex_) = 0;
  size_t watchers_ GUARDED_BY(mutex_) = 0;
  size_t running_ GUARDED_BY(mutex_) = 0;
  uint64_t taken_ GUARDED_BY(mutex_) = 0;
  Duration service_ GUARDED_BY(mutex_) = kServiceMax;  // moving average
  CondVar stand_by_over_;
  bool standing_by_ GUARDED_BY(mutex_) = false;
  bool waking_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

void ThreadPoolExecutor::Pool::Add(std::span<const Attempt> batch) {
  MutexLock lock(mutex_);
  waiting_.insert(waiting_.end(), batch.begin(), batch.end());
  WakeOrStartOne();
}

void ThreadPoolExecutor::Pool::WakeOrStartOne() {
  if (waiting_.empty() || waking_) return;
  if (idle_ > 0) {
    waking_ = true;
    work_.NotifyOne();
  } else if (workers_.size() - abandoned_ < options_.slots &&
             workers_.size() < options_.slots + options_.abandoned_max) {
    StartThread();
  }
}

void ThreadPoolExecutor::Pool::StartThread() {
  const auto worker = workers_.emplace(workers_.end());
  // Detached: one that is abandoned can never be joined. Stop() counts them.
  try {
    std::thread([pool = shared_from_this(), worker] {
      pool->Work(worker);
    }).detach();
    waking_ = true;
  } catch (const std::system_error& error) {
    workers_.erase(worker);
    if (workers_.size() > abandoned_) return;  // the others will get to it
    for (const Attempt& attempt : waiting_) {
      outcomes_.Push(Unfinished(
          attempt.id, Ending::kEvicted, Duration::zero(),
          std::string("the agent cannot start a thread: ") + error.what()));
    }
    waiting_.clear();
  }
}

std::optional<Attempt> ThreadPoolExecutor::Pool::TakeNext(
    Worker& worker, MonotonicTime now, std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (waiting_.empty()) {
      waking_ = false;
      ++idle_;
      work_.Wait(mutex_);
      --idle_;
    } else if (now == MonotonicTime() && TasksAreShort() && running_ > 0 &&
               !standing_by_) {
      waking_ = false;
      StandBy();
    } else {
      break;
    }
    now = MonotonicTime();  // it did not come straight from an attempt
  }
  waking_ = false;
  if (stopping_) return std::nullopt;
  Attempt attempt = std::move(waiting_.front());
  waiting_.pop_front();
  if (worker.stop.stop_requested()) worker.stop = std::stop_source();
  stop = worker.stop.get_token();
  worker.current = attempt.id;
  ++running_;
  ++taken_;
  worker.began = now == MonotonicTime() ? clock_.Now() : now;
  if (!standing_by_ || !TasksAreShort()) WakeOrStartOne();
  return attempt;
}

void ThreadPoolExecutor::Pool::StandBy() {
  standing_by_ = true;
  uint64_t before = 0;
  do {
    before = taken_;
    stand_by_over_.WaitFor(mutex_, kStandBy);
  } while (!stopping_ && !waiting_.empty() && taken_ != before);
  // Those who run are stuck: from here on all threads help.
  if (!waiting_.empty()) service_ = kServiceMax;
  standing_by_ = false;
}

bool ThreadPoolExecutor::Pool::Finish(Worker& worker, Outcome outcome,
                                      MonotonicTime& now) {
  // All under the lock: once it is abandoned, the thread may have outlived
  // the executor, and with it the clock and whom to notify.
  MutexLock lock(mutex_);
  --running_;
  if (worker.abandoned) return false;
  worker.current.reset();
  if (stopping_) return true;
  now = clock_.Now();
  outcome.wall = now - worker.began;
  service_ += (std::min(outcome.wall, kServiceMax) - service_) / 8;
  outcomes_.Push(std::move(outcome));
  return true;
}

void ThreadPoolExecutor::Pool::Work(std::list<Worker>::iterator worker) {
  ThreadStates states;
  ThreadMeter meter;
  std::stop_token stop;
  MonotonicTime now;
  Duration wall_before = kShortTask;
  int until_sample = 0;
  while (std::optional<Attempt> attempt = TakeNext(*worker, now, stop)) {
    const bool sample = wall_before >= kShortTask || --until_sample < 0;
    if (sample) {
      until_sample = kUsageSampling;
      meter.Begin();
    }
    const MonotonicTime began = worker->began;
    BlockingHandler& handler = *handlers_.find(attempt->work->job.type)->second;
    Outcome outcome = RunBlocking(handler, *attempt, states, stop);
    if (sample) meter.End(outcome.usage);
    if (!Finish(*worker, std::move(outcome), now)) break;
    wall_before = now - began;
  }
  MutexLock lock(mutex_);
  if (worker->abandoned) --abandoned_;
  workers_.erase(worker);
  WakeOrStartOne();
  ended_.NotifyAll();
}

void ThreadPoolExecutor::Pool::Cancel(AttemptId id, CancelMode mode) {
  MutexLock lock(mutex_);
  const auto waits =
      std::find_if(waiting_.begin(), waiting_.end(),
                   [&](const Attempt& attempt) { return attempt.id == id; });
  if (waits != waiting_.end()) {
    waiting_.erase(waits);
    outcomes_.Push(Unfinished(id, Ending::kCancelled, Duration::zero(), ""));
    return;
  }
  const auto runs =
      std::find_if(workers_.begin(), workers_.end(), [&](const Worker& worker) {
        return worker.current == id && !worker.abandoned;
      });
  if (runs == workers_.end()) return;
  runs->stop.request_stop();
  if (mode == CancelMode::kForce) Abandon(*runs, Ending::kCancelled);
}

void ThreadPoolExecutor::Pool::Abandon(Worker& worker, Ending ending) {
  worker.abandoned = true;
  ++abandoned_;
  outcomes_.Push(Unfinished(*worker.current, ending,
                            clock_.Now() - worker.began,
                            "given up while its code was still running"));
  WakeOrStartOne();
}

void ThreadPoolExecutor::Pool::EvictAll() {
  MutexLock lock(mutex_);
  for (const Attempt& attempt : waiting_) {
    outcomes_.Push(Unfinished(attempt.id, Ending::kEvicted, Duration::zero(),
                              "not started before the drain's deadline"));
  }
  waiting_.clear();
  for (Worker& worker : workers_) {
    if (!worker.current.has_value() || worker.abandoned) continue;
    worker.stop.request_stop();
    Abandon(worker, Ending::kEvicted);
  }
}

void ThreadPoolExecutor::Pool::Drain(MonotonicTime deadline) {
  if (clock_.Now() >= deadline) return EvictAll();
  MutexLock lock(mutex_);
  ++watchers_;
  std::thread([pool = shared_from_this(), deadline] {
    pool->WatchDrain(deadline);
  }).detach();
}

void ThreadPoolExecutor::Pool::WatchDrain(MonotonicTime deadline) {
  bool stopping = false;
  {
    MutexLock lock(mutex_);
    while (!stopping_) {
      const Duration left = deadline - clock_.Now();
      if (left <= Duration::zero()) break;
      ended_.WaitFor(mutex_, left);
    }
    stopping = stopping_;
  }
  if (!stopping) EvictAll();
  MutexLock lock(mutex_);
  --watchers_;
  ended_.NotifyAll();
}

void ThreadPoolExecutor::Pool::Stop() {
  const MonotonicTime deadline = clock_.Now() + options_.stop_grace;
  MutexLock lock(mutex_);
  stopping_ = true;
  waiting_.clear();
  for (Worker& worker : workers_) worker.stop.request_stop();
  work_.NotifyAll();
  ended_.NotifyAll();
  // The watcher uses the clock, and it always ends now.
  while (watchers_ > 0 || workers_.size() > abandoned_) {
    const Duration left = deadline - clock_.Now();
    if (left > Duration::zero()) {
      ended_.WaitFor(mutex_, left);
    } else if (watchers_ > 0) {
      ended_.Wait(mutex_);
    } else {
      break;
    }
  }
  for (Worker& worker : workers_) {
    if (!worker.abandoned) ++abandoned_;
    worker.abandoned = true;
  }
}

size_t ThreadPoolExecutor::Pool::abandoned() {
  MutexLock lock(mutex_);
  return abandoned_;
}

ThreadPoolExecutor::ThreadPoolExecutor(ThreadPoolOptions options,
                                       BlockingHandlers handlers,
                                       const Clock& clock, Notify notify)
    : abandoned_max_(options.abandoned_max),
      admission_(options.slots),
      pool_(std::make_shared<Pool>(options, std::move(handlers), clock,
                                   std::move(notify))) {
  facts_.kind = ExecutorKind::kThreadPool;
  facts_.slots = options.slots;
  facts_.may_block = true;
  facts_.cost_per_task = std::chrono::microseconds(1);
}

ThreadPoolExecutor::~ThreadPoolExecutor() { pool_->Stop(); }

size_t ThreadPoolExecutor::capacity() const {
  const size_t abandoned = pool_->abandoned();
  const size_t lost =
      abandoned > abandoned_max_ ? abandoned - abandoned_max_ : 0;
  const size_t room = admission_.room();
  return room > lost ? room - lost : 0;
}

absl::Status ThreadPoolExecutor::Start(std::span<const Attempt> batch) {
  const JobWork* checked = nullptr;  // neighbours share their work
  for (const Attempt& attempt : batch) {
    if (attempt.work.get() == checked) continue;
    checked = attempt.work.get();
    if (!pool_->Knows(checked->job.type)) {
      return absl::InvalidArgumentError(
          "the thread-pool executor cannot run the type " + checked->job.type);
    }
  }
  const absl::Status admitted = admission_.Admit(batch, capacity());
  if (admitted.ok() && !batch.empty()) pool_->Add(batch);
  return admitted;
}

void ThreadPoolExecutor::Cancel(AttemptId id, CancelMode mode) {
  if (admission_.holds(id)) pool_->Cancel(id, mode);
}

std::vector<Outcome> ThreadPoolExecutor::TakeOutcomes() {
  std::vector<Outcome> outcomes = pool_->TakeOutcomes();
  admission_.Release(outcomes);
  return outcomes;
}

void ThreadPoolExecutor::Drain(MonotonicTime deadline) {
  admission_.Close();
  pool_->Drain(deadline);
}

size_t ThreadPoolExecutor::abandoned() const { return pool_->abandoned(); }

}  // namespace remuda

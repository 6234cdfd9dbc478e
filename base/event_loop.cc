#include "base/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/descriptor_watches.h"
#include "base/file_descriptor.h"
#include "base/mutex.h"
#include "base/timer_queue.h"

namespace remuda {

// Plain epoll instead of Asio: a turn is one epoll_wait, two looks at the
// clock and a lock, without allocation; hooks and budgets per turn would have
// to be built around Asio's queue; and this compiles in a second.
class EventLoop::Impl {
 public:
  explicit Impl(const Clock& clock);

  void Run(bool may_wait);
  void Stop();
  void Post(Task task);
  MonotonicTime Now() const { return in_turn_ ? now_ : clock_.Now(); }
  bool OnThread() const;
  Counters counters() const;

  const Clock& clock_;
  TimerQueue timers_;
  DescriptorWatches watches_;
  std::deque<Task> turn_ends_;  // a hook may add hooks: stays in place
  std::function<void(Duration)> observer_;

 private:
  // Ready descriptors are in ready_ afterwards.
  void Wait(bool may_wait);
  Duration LongestWait();
  void Turn();
  void RunPosted();
  bool HasPosted();
  bool TakeStop();

  const UniqueFd wake_;
  std::vector<DescriptorWatches::Ready> ready_;
  MonotonicTime now_;
  bool in_turn_ = false;
  std::vector<Task> running_;  // taken from posted_, from running_at_ on
  size_t running_at_ = 0;

  // Id of no thread while the loop does not run.
  std::atomic<std::thread::id> thread_ = std::thread::id();

  std::atomic<uint64_t> turns_ = 0;
  std::atomic<uint64_t> tasks_ = 0;
  std::atomic<uint64_t> wakeups_ = 0;
  std::atomic<Duration::rep> busy_ = 0;

  Mutex mutex_;
  std::vector<Task> posted_ GUARDED_BY(mutex_);
  bool stop_ GUARDED_BY(mutex_) = false;
  // Whether the thread is waiting or about to, and nobody has woken it yet.
  bool asleep_ GUARDED_BY(mutex_) = false;
};

EventLoop::Impl::Impl(const Clock& clock)
    : clock_(clock), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(wake_.valid());
  watches_.Watch(wake_.get(), DescriptorWatches::Side::kReadable, [this] {
    uint64_t count;
    CHECK(read(wake_.get(), &count, sizeof(count)) == sizeof(count) ||
          errno == EAGAIN);
  });
}

void EventLoop::Impl::Run(bool may_wait) {
  CHECK(OnThread() && !in_turn_);
  thread_ = std::this_thread::get_id();
  while (!TakeStop()) {
    Wait(may_wait);
    if (!may_wait && ready_.empty() && !HasPosted() &&
        timers_.Next() > clock_.Now()) {
      break;
    }
    Turn();
  }
  thread_ = std::thread::id();
}

void EventLoop::Impl::Wait(bool may_wait) {
  Duration wait = may_wait ? LongestWait() : Duration::zero();
  if (wait > Duration::zero()) {
    const MutexLock lock(mutex_);
    if (posted_.empty() && !stop_) {
      asleep_ = true;
    } else {
      wait = Duration::zero();
    }
  }
  watches_.Wait(wait, kDescriptorsPerTurn, ready_);
  if (wait > Duration::zero()) {
    const MutexLock lock(mutex_);
    asleep_ = false;
  }
}

Duration EventLoop::Impl::LongestWait() {
  if (running_at_ < running_.size()) return Duration::zero();
  const MonotonicTime next = timers_.Next();
  if (next == MonotonicTime::max()) return kWaitMax;
  const MonotonicTime now = clock_.Now();
  if (next <= now) return Duration::zero();
  return std::min(next - now, kWaitMax);
}

void EventLoop::Impl::Turn() {
  now_ = clock_.Now();
  in_turn_ = true;
  for (const DescriptorWatches::Ready& ready : ready_) watches_.Run(ready);
  ready_.clear();
  timers_.RunDue(now_, kTimersPerTurn);
  RunPosted();
  for (size_t i = 0; i < turn_ends_.size(); ++i) turn_ends_[i]();
  watches_.ForgetRemoved();
  in_turn_ = false;
  const Duration took = clock_.Now() - now_;
  turns_.fetch_add(1, std::memory_order_relaxed);
  busy_.fetch_add(took.count(), std::memory_order_relaxed);
  if (observer_) observer_(took);
}

void EventLoop::Impl::RunPosted() {
  if (running_at_ == running_.size()) {
    running_.clear();
    running_at_ = 0;
    const MutexLock lock(mutex_);
    running_.swap(posted_);
  }
  const size_t count = std::min(running_.size() - running_at_, kPostedPerTurn);
  for (size_t i = 0; i < count; ++i) {
    // Destroyed at once: what a task captured may be waiting for that.
    const Task task = std::move(running_[running_at_++]);
    task();
  }
  tasks_.fetch_add(count, std::memory_order_relaxed);
}

bool EventLoop::Impl::HasPosted() {
  if (running_at_ < running_.size()) return true;
  const MutexLock lock(mutex_);
  return !posted_.empty();
}

bool EventLoop::Impl::TakeStop() {
  const MutexLock lock(mutex_);
  return std::exchange(stop_, false);
}

void EventLoop::Impl::Post(Task task) {
  CHECK(task != nullptr);
  bool wake;
  {
    const MutexLock lock(mutex_);
    CHECK_LT(posted_.size(), kPostedMax);
    posted_.push_back(std::move(task));
    wake = std::exchange(asleep_, false);
    // Inside the lock: once the task has run, the loop may be gone.
    if (wake) CHECK(eventfd_write(wake_.get(), 1) == 0);
  }
  if (wake) wakeups_.fetch_add(1, std::memory_order_relaxed);
}

void EventLoop::Impl::Stop() {
  const MutexLock lock(mutex_);
  stop_ = true;
  if (std::exchange(asleep_, false)) {
    CHECK(eventfd_write(wake_.get(), 1) == 0);
    wakeups_.fetch_add(1, std::memory_order_relaxed);
  }
}

bool EventLoop::Impl::OnThread() const {
  const std::thread::id owner = thread_;
  return owner == std::thread::id() || owner == std::this_thread::get_id();
}

EventLoop::Counters EventLoop::Impl::counters() const {
  return {.turns = turns_.load(std::memory_order_relaxed),
          .tasks = tasks_.load(std::memory_order_relaxed),
          .wakeups = wakeups_.load(std::memory_order_relaxed),
          .busy = Duration(busy_.load(std::memory_order_relaxed))};
}

EventLoop::EventLoop(const Clock& clock)
    : impl_(std::make_unique<Impl>(clock)) {}

EventLoop::~EventLoop() = default;

void EventLoop::Run() { impl_->Run(true); }

void EventLoop::RunReady() { impl_->Run(false); }

void EventLoop::Stop() { impl_->Stop(); }

void EventLoop::Post(Task task) { impl_->Post(std::move(task)); }

TimerId EventLoop::RunAt(MonotonicTime when, Task task) {
  CheckOnThread();
  return impl_->timers_.Add(when, std::move(task));
}

TimerId EventLoop::RunAfter(Duration delay, Task task) {
  const MonotonicTime now = Now();
  // A delay too long to reckon with means never.
  const MonotonicTime when =
      delay > MonotonicTime::max() - now ? MonotonicTime::max() : now + delay;
  return RunAt(when, std::move(task));
}

bool EventLoop::CancelTimer(TimerId timer) {
  CheckOnThread();
  return impl_->timers_.Cancel(timer);
}

void EventLoop::WatchReadable(int fd, Task task) {
  CheckOnThread();
  impl_->watches_.Watch(fd, DescriptorWatches::Side::kReadable,
                        std::move(task));
}

void EventLoop::WatchWritable(int fd, Task task) {
  CheckOnThread();
  impl_->watches_.Watch(fd, DescriptorWatches::Side::kWritable,
                        std::move(task));
}

void EventLoop::UnwatchReadable(int fd) {
  CheckOnThread();
  impl_->watches_.Unwatch(fd, DescriptorWatches::Side::kReadable);
}

void EventLoop::UnwatchWritable(int fd) {
  CheckOnThread();
  impl_->watches_.Unwatch(fd, DescriptorWatches::Side::kWritable);
}

void EventLoop::Unwatch(int fd) {
  UnwatchReadable(fd);
  UnwatchWritable(fd);
}

void EventLoop::AddTurnEnd(Task hook) {
  CheckOnThread();
  CHECK(hook != nullptr);
  impl_->turn_ends_.push_back(std::move(hook));
}

MonotonicTime EventLoop::Now() const { return impl_->Now(); }

const Clock& EventLoop::clock() const { return impl_->clock_; }

bool EventLoop::OnThread() const { return impl_->OnThread(); }

void EventLoop::CheckOnThread() const { CHECK(OnThread()); }

EventLoop::Counters EventLoop::counters() const { return impl_->counters(); }

void EventLoop::SetTurnObserver(std::function<void(Duration)> observer) {
  CheckOnThread();
  impl_->observer_ = std::move(observer);
}

}  // namespace remuda

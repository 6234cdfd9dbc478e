#include "executors/async/stall_watch.h"

#include <utility>

namespace remuda {

StallWatch::StallWatch(const LoopStep& step, const Clock& clock,
                       std::function<void(const Stall&)> stalled)
    : step_(step),
      clock_(clock),
      stalled_(std::move(stalled)),
      thread_([this] { Run(); }) {}

StallWatch::~StallWatch() {
  {
    MutexLock lock(mutex_);
    ends_ = true;
  }
  changed_.NotifyOne();
  thread_.join();
}

void StallWatch::SetBusy(bool busy) {
  if (busy == was_busy_) return;
  was_busy_ = busy;
  MutexLock lock(mutex_);
  busy_ = busy;
  // One that is no longer busy is noticed at the next look.
  if (busy) changed_.NotifyOne();
}

void StallWatch::Run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!busy_ && !ends_) changed_.Wait(mutex_);
      if (!ends_) changed_.WaitFor(mutex_, kLookEvery);
      if (ends_) return;
    }
    Look();
  }
}

void StallWatch::Look() {
  const StepOwner* owner = step_.owner_.load(std::memory_order_acquire);
  const uint64_t number = step_.number_.load(std::memory_order_relaxed);
  const MonotonicTime now = clock_.Now();
  if (owner == nullptr || number != seen_) {
    seen_ = number;
    since_ = now;
    told_ = false;
    return;
  }
  if (told_ || now - since_ < kStepMax) return;
  told_ = true;
  const std::string* type = owner->type.load(std::memory_order_relaxed);
  stalled_({.job = JobId{owner->job.load(std::memory_order_relaxed)},
            .task = owner->task.load(std::memory_order_relaxed),
            .type = type == nullptr ? "" : *type,
            .lasted = now - since_});
}

}  // namespace remuda

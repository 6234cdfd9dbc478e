#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "jobs/ids.h"

namespace remuda {

// Whose code a loop runs, as the loop writes it down and the watch reads it.
// Written without any order: a wrong name once in a while is of no harm.
struct StepOwner {
  std::atomic<uint64_t> job = 0;
  std::atomic<uint64_t> task = 0;
  std::atomic<const std::string*> type = nullptr;  // outlives the loop
};

// The step that a loop is in. A step is what a handler does without giving
// way: from one of its waits to the next.
//
// Thread: Enter() and Leave() belong to the loop; a store or two each, none of
// them with a barrier on x86. The watch reads.
class LoopStep {
 public:
  // Returns the step that is interrupted by this one; give it to Leave().
  const StepOwner* Enter(const StepOwner& owner) {
    number_.store(number_.load(std::memory_order_relaxed) + 1,
                  std::memory_order_relaxed);
    const StepOwner* outer = owner_.load(std::memory_order_relaxed);
    owner_.store(&owner, std::memory_order_release);
    return outer;
  }
  void Leave(const StepOwner* outer) {
    owner_.store(outer, std::memory_order_release);
  }

 private:
  friend class StallWatch;
  std::atomic<const StepOwner*> owner_ = nullptr;  // null: between steps
  std::atomic<uint64_t> number_ = 0;
};

// Notices while it lasts that one step holds a loop, and says whose it is.
// What follows from it, others decide.
//
// It looks some times a second while the loop has attempts, and sleeps
// otherwise.
//
// Thread: a thread of its own, on which `stalled` is called. The rest is the
// loop's.
// Lifetime: borrows `step`, whose owners live as long as the watch.
class StallWatch {
 public:
  struct Stall {
    JobId job;
    TaskIndex task = 0;
    std::string type;
    Duration lasted = Duration::zero();
  };

  // A step may take so long before it counts as a stall.
  static constexpr Duration kStepMax = std::chrono::milliseconds(250);

  StallWatch(const LoopStep& step, const Clock& clock,
             std::function<void(const Stall&)> stalled);
  ~StallWatch();

  // The loop has attempts, or has none. Cheap while that stays the same.
  void SetBusy(bool busy);

 private:
  static constexpr Duration kLookEvery = std::chrono::milliseconds(125);

  void Run();
  void Look();

  const LoopStep& step_;
  const Clock& clock_;
  const std::function<void(const Stall&)> stalled_;

  // Of the watch's thread.
  uint64_t seen_ = 0;  // the step at the last look
  MonotonicTime since_;
  bool told_ = false;

  bool was_busy_ = false;  // of the loop
  Mutex mutex_;
  CondVar changed_;
  bool busy_ GUARDED_BY(mutex_) = false;
  bool ends_ GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace remuda

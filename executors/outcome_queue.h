#pragma once

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "executors/executor.h"
#include "executors/finding.h"
#include "jobs/outcome.h"

namespace remuda {

// Carries outcomes and findings from an executor's threads to the agent's
// control loop and wakes that once until it has taken the outcomes. Bounded by
// what the executor admits, and by kFindingsMax.
//
// Thread: any. Notify is called under the lock, which keeps the promise of at
// most one outstanding call exact; so it must be short and never call back.
class OutcomeQueue {
 public:
  explicit OutcomeQueue(Executor::Notify notify) : notify_(std::move(notify)) {}

  void Push(Outcome outcome) {
    MutexLock lock(mutex_);
    outcomes_.push_back(std::move(outcome));
    NotifyOnce();
  }

  // Leaves `outcomes` empty, with its memory.
  void PushAll(std::vector<Outcome>& outcomes) {
    if (outcomes.empty()) return;
    MutexLock lock(mutex_);
    if (outcomes_.empty()) {
      outcomes_.swap(outcomes);
    } else {
      std::move(outcomes.begin(), outcomes.end(),
                std::back_inserter(outcomes_));
    }
    outcomes.clear();
    NotifyOnce();
  }

  // Dropped if too many wait already.
  void PushFinding(Finding finding) {
    MutexLock lock(mutex_);
    if (findings_.size() >= kFindingsMax) return;
    findings_.push_back(std::move(finding));
    NotifyOnce();
  }

  std::vector<Finding> TakeFindings() {
    MutexLock lock(mutex_);
    return std::exchange(findings_, {});
  }

  std::vector<Outcome> TakeAll() {
    MutexLock lock(mutex_);
    notified_ = false;
    return std::exchange(outcomes_, {});
  }

 private:
  void NotifyOnce() REQUIRES(mutex_) {
    if (notified_) return;
    notified_ = true;
    if (notify_) notify_();
  }

  const Executor::Notify notify_;
  Mutex mutex_;
  std::vector<Outcome> outcomes_ GUARDED_BY(mutex_);
  std::vector<Finding> findings_ GUARDED_BY(mutex_);
  bool notified_ GUARDED_BY(mutex_) = false;
};

}  // namespace remuda

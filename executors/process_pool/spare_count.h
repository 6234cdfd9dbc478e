#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

#include "base/clock.h"

namespace remuda {

// How many workers should wait, warm, for the place of one that ends: none as
// long as all live, then one for each that was lost lately, within bounds. A
// start costs tens of milliseconds, which a spare has behind it.
//
// Thread: confined to its owner.
class SpareCount {
 public:
  // The most for one program; a spare weighs as much as an idle worker.
  static constexpr size_t kSparesMax = 8;

  // `kept` is how long a loss is remembered, and so how long a spare outlives
  // its need. No more than there are slots: one for each place at the most.
  SpareCount(size_t slots, Duration kept)
      : most_(std::min(slots, kSparesMax)), kept_(kept) {}

  // A worker that had run tasks died, or was told to end for its age.
  void WorkerLost(MonotonicTime now) {
    losses_.push_back(now);
    if (losses_.size() > most_) losses_.pop_front();
  }

  // A spare died by itself: no others for a while, so that what kills them
  // all is not tried again and again.
  void SpareFailed(MonotonicTime now) {
    losses_.clear();
    none_until_ = now + kept_;
  }

  size_t Wanted(MonotonicTime now) const {
    if (now < none_until_) return 0;
    return static_cast<size_t>(
        std::count_if(losses_.begin(), losses_.end(),
                      [&](MonotonicTime lost) { return now - lost < kept_; }));
  }

 private:
  const size_t most_;
  const Duration kept_;
  std::deque<MonotonicTime> losses_;  // the latest, at most `most_`
  MonotonicTime none_until_;
};

}  // namespace remuda

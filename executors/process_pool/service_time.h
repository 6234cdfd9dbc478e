#pragma once

#include <algorithm>
#include <cstddef>

#include "base/clock.h"
#include "jobs/outcome.h"

namespace remuda {

// How long tasks took lately, and how many may therefore wait behind a slot:
// enough to hide the way there and back, and so few that waiting costs none of
// them much. A long task never waits behind another; one of some milliseconds
// does if it would wait anyway, as others are in line before every slot.
//
// Thread: confined to its owner.
class ServiceTime {
 public:
  // The longest that a task waits in a worker or beside it, by expectation.
  static constexpr Duration kWaitMax = std::chrono::milliseconds(5);
  static constexpr size_t kWaitingMax = 1024;
  // Up to here the way to the agent and back, a millisecond or two, is worth
  // hiding.
  static constexpr Duration kNextMax = std::chrono::milliseconds(50);
  // Tasks in line, for each slot, while one waits behind each.
  static constexpr size_t kInLine = 2;

  void Add(Ending ending, Duration taken) {
    // One that was stopped says nothing of how long the next will take, nor
    // does one that died, as its time has that of the dying in it.
    switch (ending) {
      case Ending::kCancelled:
      case Ending::kEvicted:
      case Ending::kCrash:
      case Ending::kOom:
        return;
      default:
        break;
    }
    taken = std::max(taken, Duration(1));
    // The mean of the first ones, of which the very first is often slow.
    weight_ = std::min(weight_ + 1, kWeightMax);
    mean_ += (taken - mean_) / weight_;
  }

  bool known() const { return weight_ > 0; }
  Duration mean() const { return mean_; }

  // How many tasks may wait behind one that runs; none before the first ended.
  size_t Waiting() const {
    if (!known() || mean_ > kWaitMax) return 0;
    const auto count = kWaitMax / std::max(mean_, Duration(1));
    return std::min(kWaitingMax, static_cast<size_t>(count));
  }

  // The same where the line is long: more tasks than there are slots.
  size_t WaitingInLine() const {
    return std::max<size_t>(Waiting(), known() && mean_ <= kNextMax ? 1 : 0);
  }

  // How many there should be of, for each slot, running or in line.
  size_t EachSlotMax() const {
    const size_t waiting = Waiting();
    return 1 + (waiting == 0 ? kInLine * WaitingInLine() : waiting);
  }

 private:
  static constexpr int kWeightMax = 16;

  Duration mean_ = Duration::zero();
  int weight_ = 0;
};

}  // namespace remuda

#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace remuda {

// How many tasks of one executor the agent is willing to hold: its slots, and
// for short tasks a backlog that hides the way to the coordinator and back
// (docs/CONTRACTS.md, Credit). Does not know whether the agent drains or its
// spool is full.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class CreditPlanner {
 public:
  // The backlog is this much work at the measured pace...
  static constexpr Duration kHidden = std::chrono::milliseconds(50);
  // ...and never more than this.
  static constexpr uint64_t kBacklogMax = 64 * 1024;

  explicit CreditPlanner(uint64_t slots);

  // `running` is the number before the start.
  void OnStarted(MonotonicTime now, size_t running);

  // `count` attempts ended, which ran for `wall` together; `running` are left.
  void OnEnded(MonotonicTime now, size_t count, Duration wall, size_t running);

  // Work came. If the executor had run dry although the coordinator had used
  // up the credit, then the backlog was too small.
  void OnGranted(size_t waiting, size_t running, uint64_t tasks);

  // The number was told to the coordinator.
  void OnAnnounced(uint64_t tasks) { announced_ = tasks; }

  // Every heartbeat: what was learnt from running dry fades.
  void Fade();

  uint64_t tasks() const { return slots_ + backlog(); }
  uint64_t backlog() const;
  uint64_t announced() const { return announced_; }

 private:
  void CloseWindow(Duration elapsed);

  uint64_t slots_;
  uint64_t announced_ = 0;
  uint64_t held_max_ = 0;  // since the executor ran dry last
  uint64_t boost_ = 1;
  bool dry_since_fade_ = false;

  // Averages over windows of work.
  double ends_per_second_ = 0;
  double wall_seconds_ = 0;

  MonotonicTime window_start_{};
  size_t window_ends_ = 0;
  Duration window_wall_ = Duration::zero();
};

}  // namespace remuda

#pragma once

#include <atomic>

#include "base/clock.h"

namespace remuda {

// A clock that stands still until it is told otherwise, for tests and the
// simulation. Whoever moves it decides what time it is; timers do not fire by
// themselves, the loop that owns them must be turned.
//
// Thread: any.
class ManualClock : public Clock {
 public:
  // Starts away from zero, so that a forgotten initial value shows.
  ManualClock();
  ManualClock(MonotonicTime now, WallTime wall_now);

  MonotonicTime Now() const override;
  WallTime WallNow() const override;

  // Moves both times. `by` must not be negative.
  void Advance(Duration by);

  // Moves the calendar alone, as an administrator or NTP does; may go back.
  void JumpWall(Duration by);

 private:
  std::atomic<Duration::rep> now_;
  std::atomic<Duration::rep> wall_now_;
};

}  // namespace remuda

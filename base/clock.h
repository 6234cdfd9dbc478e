#pragma once

#include <chrono>
#include <ratio>

namespace remuda {

using Duration = std::chrono::nanoseconds;

// Names the time line of MonotonicTime. It has no now(): code asks the Clock
// that it was given, so that a simulation can own the time.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;
};

// A moment within one boot of one machine, for time-outs and leases. Never
// leaves the process.
using MonotonicTime = MonotonicClock::time_point;

// A moment in the calendar, for people and records. May jump.
using WallTime = std::chrono::sys_time<Duration>;

// Where the time comes from. Whoever waits or compares times gets one in its
// constructor; what follows from the time is decided elsewhere.
//
// Thread: any.
// Lifetime: outlives all that borrow it; usually main()'s.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never goes back.
  virtual MonotonicTime Now() const = 0;

  virtual WallTime WallNow() const = 0;
};

// The machine's clocks.
//
// Thread: any.
class SystemClock : public Clock {
 public:
  enum class Suspend {
    kNotCounted,  // CLOCK_MONOTONIC: stands still while the machine sleeps
    kCounted,     // CLOCK_BOOTTIME: a lease runs out in a sleeping machine too
  };

  explicit SystemClock(Suspend suspend = Suspend::kNotCounted);

  MonotonicTime Now() const override;
  WallTime WallNow() const override;

 private:
  const int clock_id_;
};

}  // namespace remuda

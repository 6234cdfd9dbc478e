#include "base/clock.h"

#include <time.h>

#include "base/check.h"

namespace remuda {
namespace {

Duration Read(clockid_t clock_id) {
  timespec time;
  CHECK(clock_gettime(clock_id, &time) == 0);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

SystemClock::SystemClock(Suspend suspend)
    : clock_id_(suspend == Suspend::kCounted ? CLOCK_BOOTTIME
                                             : CLOCK_MONOTONIC) {}

MonotonicTime SystemClock::Now() const {
  return MonotonicTime(Read(clock_id_));
}

WallTime SystemClock::WallNow() const { return WallTime(Read(CLOCK_REALTIME)); }

}  // namespace remuda

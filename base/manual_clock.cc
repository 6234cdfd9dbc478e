#include "base/manual_clock.h"

#include "base/check.h"

namespace remuda {
namespace {

constexpr Duration kStart = std::chrono::hours(1);
constexpr Duration kWallStart = std::chrono::seconds(1'700'000'000);

}  // namespace

ManualClock::ManualClock()
    : ManualClock(MonotonicTime(kStart), WallTime(kWallStart)) {}

ManualClock::ManualClock(MonotonicTime now, WallTime wall_now)
    : now_(now.time_since_epoch().count()),
      wall_now_(wall_now.time_since_epoch().count()) {}

MonotonicTime ManualClock::Now() const {
  return MonotonicTime(Duration(now_.load()));
}

WallTime ManualClock::WallNow() const {
  return WallTime(Duration(wall_now_.load()));
}

void ManualClock::Advance(Duration by) {
  CHECK(by >= Duration::zero());
  now_ += by.count();
  wall_now_ += by.count();
}

void ManualClock::JumpWall(Duration by) { wall_now_ += by.count(); }

}  // namespace remuda

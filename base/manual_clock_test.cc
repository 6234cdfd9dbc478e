#include "base/manual_clock.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(ManualClockTest, StandsStillUntilAdvanced) {
  ManualClock clock;
  const MonotonicTime start = clock.Now();
  const WallTime wall_start = clock.WallNow();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(seconds(5));
  EXPECT_EQ(clock.Now() - start, seconds(5));
  EXPECT_EQ(clock.WallNow() - wall_start, seconds(5));
}

TEST(ManualClockTest, WallJumpsLeaveTimersAlone) {
  ManualClock clock;
  const MonotonicTime start = clock.Now();
  const WallTime wall_start = clock.WallNow();
  clock.JumpWall(-hours(2));
  EXPECT_EQ(clock.Now(), start);
  EXPECT_EQ(clock.WallNow() - wall_start, -hours(2));
}

TEST(ManualClockDeathTest, CannotGoBack) {
  ManualClock clock;
  EXPECT_DEATH(clock.Advance(seconds(-1)), "CHECK failed");
}

}  // namespace
}  // namespace remuda

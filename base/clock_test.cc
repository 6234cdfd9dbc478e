#include "base/clock.h"

#include <gtest/gtest.h>
#include <time.h>

namespace remuda {
namespace {

using std::chrono::seconds;

TEST(SystemClockTest, NeverGoesBack) {
  for (const auto suspend :
       {SystemClock::Suspend::kNotCounted, SystemClock::Suspend::kCounted}) {
    const SystemClock clock(suspend);
    MonotonicTime last = clock.Now();
    for (int i = 0; i < 1000; ++i) {
      const MonotonicTime now = clock.Now();
      ASSERT_GE(now, last);
      last = now;
    }
  }
}

TEST(SystemClockTest, CountsSuspendOnlyWhenAsked) {
  const auto kernel_now = [](clockid_t id) {
    timespec time;
    clock_gettime(id, &time);
    return seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const SystemClock awake;
  const Duration before = kernel_now(CLOCK_MONOTONIC);
  const Duration between = awake.Now().time_since_epoch();
  EXPECT_LE(before, between);
  EXPECT_LE(between, kernel_now(CLOCK_MONOTONIC));

  const SystemClock always(SystemClock::Suspend::kCounted);
  const Duration boot_before = kernel_now(CLOCK_BOOTTIME);
  const Duration boot_between = always.Now().time_since_epoch();
  EXPECT_LE(boot_before, boot_between);
  EXPECT_LE(boot_between, kernel_now(CLOCK_BOOTTIME));
}

TEST(SystemClockTest, WallTimeIsTheCalendar) {
  const SystemClock clock;
  const auto difference =
      clock.WallNow().time_since_epoch() - seconds(time(nullptr));
  EXPECT_LT(std::chrono::abs(difference), seconds(60));
}

}  // namespace
}  // namespace remuda

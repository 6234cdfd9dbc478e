#include "executors/thread_meter.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace remuda {
namespace {

TEST(ThreadMeterTest, CountsTheCpuTimeOfThisThreadOnly) {
  ThreadMeter meter;
  const SystemClock clock;
  meter.Begin();
  std::thread([&clock] {
    const MonotonicTime end = clock.Now() + std::chrono::milliseconds(200);
    while (clock.Now() < end) {
    }
  }).join();
  Usage others;
  meter.End(others);
  ASSERT_TRUE(others.cpu.has_value());
  EXPECT_LT(*others.cpu, std::chrono::milliseconds(150));
}

TEST(ThreadMeterTest, CountsSinceTheLastBegin) {
  ThreadMeter meter;
  meter.Begin();
  poll(nullptr, 0, 1);
  poll(nullptr, 0, 1);
  Usage two;
  meter.End(two);
  EXPECT_GE(two.switches_voluntary.value_or(0), 2u);
  meter.Begin();
  Usage none;
  meter.End(none);
  EXPECT_LT(none.switches_voluntary.value_or(2), 2u);
}

TEST(ThreadMeterTest, LeavesWhatOthersFilledIn) {
  ThreadMeter meter;
  meter.Begin();
  Usage usage;
  usage.bytes_in = 7;
  meter.End(usage);
  EXPECT_EQ(usage.bytes_in, 7u);
}

}  // namespace
}  // namespace remuda

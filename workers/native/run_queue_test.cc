#include "workers/native/run_queue.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include <filesystem>
#include <thread>

namespace remuda {
namespace {

bool KernelCounts() {
  return std::filesystem::exists("/proc/thread-self/schedstat");
}

// On one processor, so that there is one to wait for.
void StayHere() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
}

TEST(RunQueueTest, AThreadThatSharesItsProcessorHasWaited) {
  if (!KernelCounts()) GTEST_SKIP();
  std::thread([] {
    StayHere();  // and so does the thread that it starts
    const SystemClock clock;
    RunQueue mine;
    // Until the kernel has taken turns between both often enough.
    std::jthread other([](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
      }
    });
    const MonotonicTime began = clock.Now();
    Duration waited = Duration::zero();
    while (waited < std::chrono::milliseconds(20)) {
      const std::optional<Duration> more = mine.SinceLast();
      ASSERT_TRUE(more.has_value());
      ASSERT_GE(*more, Duration::zero());
      waited += *more;
    }
    EXPECT_LE(waited, clock.Now() - began);
  }).join();
}

TEST(RunQueueTest, SleepIsNoWaitForAProcessor) {
  if (!KernelCounts()) GTEST_SKIP();
  const SystemClock clock;
  RunQueue mine;
  const MonotonicTime began = clock.Now();
  poll(nullptr, 0, 50);
  const std::optional<Duration> waited = mine.SinceLast();
  ASSERT_TRUE(waited.has_value());
  // What it waited for is what came after the 50 ms, at most.
  EXPECT_LE(*waited, clock.Now() - began - std::chrono::milliseconds(49));
}

}  // namespace
}  // namespace remuda

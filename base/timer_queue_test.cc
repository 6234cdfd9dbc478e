#include "base/timer_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/random.h"

namespace remuda {
namespace {

constexpr size_t kAll = 1000;

MonotonicTime At(int64_t seconds) {
  return MonotonicTime(std::chrono::seconds(seconds));
}

TEST(TimerQueueTest, RunsWhatIsDueInOrder) {
  TimerQueue timers;
  std::vector<int> ran;
  timers.Add(At(3), [&] { ran.push_back(3); });
  timers.Add(At(1), [&] { ran.push_back(1); });
  timers.Add(At(2), [&] { ran.push_back(2); });
  timers.Add(At(2), [&] { ran.push_back(20); });
  EXPECT_EQ(timers.Next(), At(1));
  timers.RunDue(At(2), kAll);
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 20}));
  EXPECT_EQ(timers.Next(), At(3));
  timers.RunDue(At(2), kAll);
  EXPECT_EQ(ran.size(), 3u);
}

TEST(TimerQueueTest, NoneIsNever) {
  TimerQueue timers;
  EXPECT_EQ(timers.Next(), MonotonicTime::max());
  timers.Add(MonotonicTime::max(), [] { FAIL(); });
  timers.RunDue(MonotonicTime::max(), kAll);
}

TEST(TimerQueueTest, CancelsOnce) {
  TimerQueue timers;
  const TimerId timer = timers.Add(At(1), [] { FAIL(); });
  EXPECT_TRUE(timers.Cancel(timer));
  EXPECT_FALSE(timers.Cancel(timer));
  EXPECT_FALSE(timers.Cancel(TimerId{0}));
  EXPECT_EQ(timers.Next(), MonotonicTime::max());
  timers.RunDue(At(5), kAll);
}

TEST(TimerQueueTest, ATaskMayCancelTheNextOne) {
  TimerQueue timers;
  TimerId second{};
  TimerId first{};
  first = timers.Add(At(1), [&] {
    EXPECT_TRUE(timers.Cancel(second));
    EXPECT_FALSE(timers.Cancel(first)) << "it is running";
  });
  second = timers.Add(At(2), [] { FAIL(); });
  timers.RunDue(At(5), kAll);
  EXPECT_EQ(timers.size(), 0u);
}

TEST(TimerQueueTest, WhatTasksAddWaitsForTheNextCall) {
  TimerQueue timers;
  int ran = 0;
  std::function<void()> again = [&] {
    ++ran;
    timers.Add(At(0), again);
  };
  timers.Add(At(1), again);
  timers.RunDue(At(5), kAll);
  EXPECT_EQ(ran, 1);
  timers.RunDue(At(5), kAll);
  EXPECT_EQ(ran, 2);
}

TEST(TimerQueueTest, RunsAtMostTheNumberGiven) {
  TimerQueue timers;
  int ran = 0;
  for (int i = 0; i < 5; ++i) timers.Add(At(1), [&] { ++ran; });
  timers.RunDue(At(1), 3);
  EXPECT_EQ(ran, 3);
  timers.RunDue(At(1), 3);
  EXPECT_EQ(ran, 5);
}

TEST(TimerQueueTest, AgreesWithASortedMap) {
  Random random(1);
  TimerQueue timers;
  std::map<std::pair<MonotonicTime, TimerId>, bool> expected;
  std::vector<std::pair<MonotonicTime, TimerId>> ran;
  MonotonicTime now = At(0);
  for (int step = 0; step < 20000; ++step) {
    if (random.Below(3) > 0) {
      const MonotonicTime when =
          now + std::chrono::seconds(1 + random.Below(1000));
      auto id = std::make_shared<TimerId>();
      *id = timers.Add(when, [&, id, when] { ran.emplace_back(when, *id); });
      expected[{when, *id}] = true;
      if (random.Below(10) < 8) {  // most time-outs are cancelled
        EXPECT_TRUE(timers.Cancel(*id));
        expected.erase({when, *id});
      }
    } else {
      now += std::chrono::seconds(random.Below(20));
      timers.RunDue(now, kAll);
      for (const auto& timer : ran) {
        ASSERT_EQ(expected.begin()->first, timer);
        expected.erase(expected.begin());
      }
      ran.clear();
      ASSERT_TRUE(expected.empty() || expected.begin()->first.first > now);
    }
    ASSERT_EQ(timers.size(), expected.size());
  }
}

}  // namespace
}  // namespace remuda

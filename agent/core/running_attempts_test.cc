#include "agent/core/running_attempts.h"

#include <gtest/gtest.h>

#include <vector>

namespace remuda {
namespace {

using std::chrono::seconds;

constexpr AttemptId kOne = {.job = {1}, .task = 1, .fence = {1}};
constexpr AttemptId kTwo = {.job = {1}, .task = 2, .fence = {1}};

MonotonicTime At(int s) { return MonotonicTime(seconds(s)); }

StopAttempt Stop(AttemptId id, CancelMode mode) {
  return {.executor = ExecutorKind::kAsync, .id = id, .mode = mode};
}

TEST(RunningAttemptsTest, OnlyTimedAttemptsWakeAnybody) {
  RunningAttempts running;
  EXPECT_TRUE(running.Add(kOne, ExecutorKind::kAsync, At(0), Duration::zero()));
  EXPECT_EQ(running.next_time(), std::nullopt);
  running.Add(kTwo, ExecutorKind::kAsync, At(0), seconds(5));
  EXPECT_EQ(running.next_time(), At(5));
  running.Take(kTwo);
  EXPECT_EQ(running.next_time(), std::nullopt);
  EXPECT_EQ(running.size(ExecutorKind::kAsync), 1u);
  EXPECT_FALSE(
      running.Add(kOne, ExecutorKind::kAsync, At(0), Duration::zero()));
  EXPECT_FALSE(running.Take(kTwo).has_value());
}

TEST(RunningAttemptsTest, AnEndlessTimeoutIsNone) {
  RunningAttempts running;
  running.Add(kOne, ExecutorKind::kAsync, At(10), Duration::max());
  EXPECT_EQ(running.next_time(), std::nullopt);
}

TEST(RunningAttemptsTest, AskedOnceAndForcedOnce) {
  RunningAttempts running;
  running.Add(kOne, ExecutorKind::kAsync, At(0), seconds(5));
  running.OnTime(At(4));
  EXPECT_TRUE(running.TakeStops().empty());
  running.OnTime(At(5));
  EXPECT_FALSE(running.Ask(kOne, StopReason::kCancelled, At(5)));
  EXPECT_EQ(running.TakeStops(),
            std::vector<StopAttempt>{Stop(kOne, CancelMode::kAsk)});
  running.OnTime(At(6));
  running.OnTime(At(60));
  EXPECT_EQ(running.TakeStops(),
            std::vector<StopAttempt>{Stop(kOne, CancelMode::kForce)});
  EXPECT_EQ(running.Take(kOne)->reason, StopReason::kTimeout);
}

TEST(RunningAttemptsTest, AFenceOverridesAnotherReason) {
  RunningAttempts running;
  running.Add(kOne, ExecutorKind::kAsync, At(0), Duration::zero());
  EXPECT_TRUE(running.Ask(kOne, StopReason::kCancelled, At(0)));
  EXPECT_TRUE(running.Ask(kOne, StopReason::kFenced, At(0)));
  EXPECT_FALSE(running.Ask(kOne, StopReason::kFenced, At(0)));
  EXPECT_EQ(running.TakeStops().size(), 1u);
  EXPECT_EQ(running.Take(kOne)->reason, StopReason::kFenced);
}

TEST(RunningAttemptsTest, FindsByJobRangeAndFence) {
  RunningAttempts running;
  for (uint64_t task = 9; task > 0; --task) {
    running.Add({.job = {1}, .task = task, .fence = {task < 5 ? 1u : 2u}},
                ExecutorKind::kAsync, At(0), Duration::zero());
  }
  EXPECT_EQ(running.OfJob({1}, std::nullopt, std::nullopt).size(), 9u);
  EXPECT_EQ(running.OfJob({1}, IndexRange{3, 4}, Fence{1}),
            (std::vector<AttemptId>{{.job = {1}, .task = 3, .fence = {1}},
                                    {.job = {1}, .task = 4, .fence = {1}}}));
  EXPECT_TRUE(running.OfJob({2}, std::nullopt, std::nullopt).empty());
}

struct Judgement {
  StopReason reason;
  Ending reported;
  Duration wall;
  Ending recorded;
};

TEST(RunningAttemptsTest, TheReasonDecidesWhatIsRecorded) {
  using E = Ending;
  using R = StopReason;
  for (const Judgement& row : std::vector<Judgement>{
           {R::kNone, E::kCrash, seconds(1), E::kCrash},
           {R::kNone, E::kCancelled, seconds(1), E::kEvicted},
           {R::kNone, E::kEvicted, seconds(1), E::kEvicted},
           {R::kTimeout, E::kCancelled, seconds(1), E::kTimeout},
           {R::kTimeout, E::kEvicted, seconds(6), E::kEvicted},
           {R::kTimeout, E::kCrash, seconds(6), E::kTimeout},
           {R::kTimeout, E::kSucceeded, seconds(6), E::kTimeout},
           {R::kTimeout, E::kSucceeded, seconds(5), E::kSucceeded},
           {R::kTimeout, E::kError, seconds(4), E::kError},
           {R::kCancelled, E::kSucceeded, seconds(1), E::kSucceeded},
           {R::kCancelled, E::kError, seconds(1), E::kCancelled},
           {R::kEvicted, E::kCancelled, seconds(1), E::kEvicted},
           {R::kEvicted, E::kError, seconds(1), E::kEvicted},
           {R::kEvicted, E::kSucceeded, seconds(1), E::kSucceeded},
       }) {
    EXPECT_EQ(JudgedEnding({.timeout = seconds(5), .reason = row.reason},
                           {.ending = row.reported, .wall = row.wall}),
              row.recorded)
        << static_cast<int>(row.reason) << " "
        << static_cast<int>(row.reported);
  }
}

}  // namespace
}  // namespace remuda

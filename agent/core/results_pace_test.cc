#include "agent/core/results_pace.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::milliseconds;
using Haste = ResultsPace::Haste;

constexpr MonotonicTime kStart{std::chrono::hours(1)};

ResultsPace Packed() {
  ResultsPace pace({.pause = milliseconds(10), .enough = 3});
  pace.OnEnded(Haste::kMoreIsDue);
  pace.OnGathered(kStart);
  EXPECT_FALSE(pace.MayWait(kStart));  // none went before it
  pace.OnPacked(kStart);
  EXPECT_FALSE(pace.since().has_value());
  return pace;
}

TEST(ResultsPaceTest, WhatIsFollowedByMoreWaitsUntilThePauseIsOver) {
  ResultsPace pace = Packed();
  pace.OnEnded(Haste::kMoreIsDue);
  pace.OnGathered(kStart + milliseconds(4));
  EXPECT_EQ(pace.since(), kStart + milliseconds(4));
  EXPECT_TRUE(pace.MayWait(kStart + milliseconds(9)));
  EXPECT_EQ(pace.due(), kStart + milliseconds(10));
  EXPECT_FALSE(pace.MayWait(kStart + milliseconds(10)));
}

TEST(ResultsPaceTest, WhatIsAwaitedTakesAllAlong) {
  ResultsPace pace = Packed();
  pace.OnEnded(Haste::kMoreIsDue);
  EXPECT_TRUE(pace.MayWait(kStart));
  pace.OnEnded(Haste::kAwaited);
  EXPECT_FALSE(pace.MayWait(kStart));
  pace.OnPacked(kStart);
  pace.OnEnded(Haste::kMoreIsDue);
  EXPECT_TRUE(pace.MayWait(kStart));
}

TEST(ResultsPaceTest, ThereAreEnough) {
  ResultsPace pace = Packed();
  for (int i = 0; i < 2; ++i) pace.OnEnded(Haste::kMoreIsDue);
  EXPECT_TRUE(pace.MayWait(kStart));
  pace.OnEnded(Haste::kMoreIsDue);
  EXPECT_FALSE(pace.MayWait(kStart));
}

}  // namespace
}  // namespace remuda

#include "jobs/verdict/evidence.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::milliseconds;

TEST(Evidence, WhatIsNotKnownIsNotZero) {
  Evidence evidence;
  evidence.Add(Ending::kSucceeded, milliseconds(100),
               {.cpu = milliseconds(30), .memory_max_bytes = 500});
  evidence.Add(Ending::kSucceeded, milliseconds(300), {});
  EXPECT_DOUBLE_EQ(evidence.attempts, 2);
  EXPECT_DOUBLE_EQ(evidence.mean_wall().count(), 0.2);
  EXPECT_DOUBLE_EQ(evidence.cpu.attempts, 1);
  EXPECT_DOUBLE_EQ(evidence.cpu.sum.count(), 0.03);
  EXPECT_DOUBLE_EQ(evidence.cpu.wall.count(), 0.1);
  EXPECT_DOUBLE_EQ(evidence.gil_wait.attempts, 0);
  EXPECT_DOUBLE_EQ(evidence.memory_max_bytes, 500);
}

TEST(Evidence, OnlyWhatEndedByItselfCounts) {
  EXPECT_TRUE(IsEvidence(Ending::kSucceeded));
  EXPECT_TRUE(IsEvidence(Ending::kError));
  for (const Ending ending : {Ending::kTimeout, Ending::kCrash, Ending::kOom,
                              Ending::kCancelled, Ending::kEvicted}) {
    EXPECT_FALSE(IsEvidence(ending)) << Name(ending);
  }
  Evidence evidence;
  evidence.Add(Ending::kError, milliseconds(1), {});
  EXPECT_DOUBLE_EQ(evidence.failed, 1);
}

TEST(Evidence, SumsOfGroupsAddUp) {
  Evidence all;
  Evidence parts[2];
  for (int i = 0; i < 50; ++i) {
    const Usage usage = {.cpu = milliseconds(i), .gil_wait = milliseconds(2)};
    all.Add(Ending::kSucceeded, milliseconds(4 * i), usage);
    parts[i % 2].Add(Ending::kSucceeded, milliseconds(4 * i), usage);
  }
  Evidence sum = parts[0];
  sum.Merge(parts[1]);
  EXPECT_DOUBLE_EQ(sum.wall.count(), all.wall.count());
  EXPECT_DOUBLE_EQ(sum.cpu.sum.count(), all.cpu.sum.count());
  EXPECT_NEAR(sum.spread(), all.spread(), 1e-9);
  EXPECT_EQ(sum.walls, all.walls);
}

TEST(Evidence, WhatWeighsLessKeepsItsMeans) {
  Evidence before;
  for (int i = 1; i <= 10; ++i) {
    before.Add(Ending::kSucceeded, milliseconds(i), {.cpu = milliseconds(i)});
  }
  before.active = RealSeconds(0.01);
  Evidence aged;
  aged.Merge(before, 0.25);
  EXPECT_DOUBLE_EQ(aged.attempts, 2.5);
  EXPECT_DOUBLE_EQ(aged.mean_wall().count(), before.mean_wall().count());
  EXPECT_DOUBLE_EQ(aged.spread(), before.spread());
  EXPECT_DOUBLE_EQ(aged.concurrency(), before.concurrency());
}

TEST(Evidence, QuantilesAreWithinAFactorOfTwo) {
  Evidence evidence;
  for (int i = 1; i <= 1'000; ++i) {
    evidence.Add(Ending::kSucceeded, std::chrono::microseconds(i * 100), {});
  }
  EXPECT_GT(evidence.Quantile(0.5).count(), 0.05 / 2);
  EXPECT_LT(evidence.Quantile(0.5).count(), 0.05 * 2);
  EXPECT_GT(evidence.Quantile(0.99).count(), 0.099 / 2);
  EXPECT_LT(evidence.Quantile(0.99).count(), 0.099 * 2);
  EXPECT_EQ(Evidence{}.Quantile(0.5), RealSeconds::zero());
}

TEST(Evidence, TimesBeyondItsBucketsAreKept) {
  Evidence evidence;
  evidence.Add(Ending::kSucceeded, std::chrono::hours(1'000), {});
  evidence.Add(Ending::kSucceeded, Duration(-5), {});
  EXPECT_DOUBLE_EQ(evidence.walls.back(), 1);
  EXPECT_DOUBLE_EQ(evidence.walls.front(), 1);
  EXPECT_DOUBLE_EQ(evidence.wall.count(), 3'600'000);
}

}  // namespace
}  // namespace remuda

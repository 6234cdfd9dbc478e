#include "jobs/job.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

uint64_t Count(int64_t from, int64_t to, int64_t step) {
  TaskSource source;
  source.kind = TaskSource::Kind::kRange;
  source.from = from;
  source.to = to;
  source.step = step;
  return TaskCount(source);
}

TEST(TaskCountTest, RangesIncludeBothEnds) {
  EXPECT_EQ(Count(0, 9, 1), 10u);
  EXPECT_EQ(Count(1, 10, 3), 4u);
  EXPECT_EQ(Count(1, 9, 3), 3u);
  EXPECT_EQ(Count(5, 5, 7), 1u);
  EXPECT_EQ(Count(10, 1, -3), 4u);
}

TEST(TaskCountTest, RangesThatNeverArriveAreEmpty) {
  EXPECT_EQ(Count(2, 1, 1), 0u);
  EXPECT_EQ(Count(1, 2, -1), 0u);
}

TEST(TaskCountTest, ExtremesDoNotOverflow) {
  EXPECT_EQ(Count(INT64_MIN, INT64_MAX, 1), UINT64_MAX);
  EXPECT_EQ(Count(INT64_MIN, INT64_MAX, INT64_MAX), 3u);
  EXPECT_EQ(Count(INT64_MAX, INT64_MIN, INT64_MIN), 2u);
  EXPECT_EQ(Count(INT64_MAX, INT64_MAX, 1), 1u);
}

TEST(TaskCountTest, MatricesMultiply) {
  TaskSource source;
  source.kind = TaskSource::Kind::kMatrix;
  source.axes = {{"a", {"1", "2", "3"}}, {"b", {"4", "5"}}};
  EXPECT_EQ(TaskCount(source), 6u);
  source.axes.push_back({"empty", {}});
  EXPECT_EQ(TaskCount(source), 0u);
}

TEST(TaskCountTest, MatricesDoNotOverflow) {
  TaskSource source;
  source.kind = TaskSource::Kind::kMatrix;
  for (int i = 0; i < 8; ++i) {
    source.axes.push_back({"axis", std::vector<std::string>(1000, "1")});
  }
  EXPECT_EQ(TaskCount(source), UINT64_MAX);
}

TEST(TaskCountTest, NoFanOutIsOneTask) { EXPECT_EQ(TaskCount({}), 1u); }

TEST(FailedMaxTest, PercentRoundsDownAndOverridesTheNumber) {
  SuccessPolicy policy;
  policy.failed_max = 7;
  EXPECT_EQ(FailedMax(policy, 1000), 7u);
  policy.failed_max_percent = 1;
  EXPECT_EQ(FailedMax(policy, 1000), 10u);
  EXPECT_EQ(FailedMax(policy, 99), 0u);
  policy.failed_max_percent = 29;
  EXPECT_EQ(FailedMax(policy, 100), 29u);
  policy.failed_max_percent = 0.5;
  EXPECT_EQ(FailedMax(policy, 10'000'000), 50'000u);
  policy.failed_max_percent = 100;
  EXPECT_EQ(FailedMax(policy, 123), 123u);
}

}  // namespace
}  // namespace remuda

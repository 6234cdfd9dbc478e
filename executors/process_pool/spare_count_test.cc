#include "executors/process_pool/spare_count.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::seconds;

constexpr Duration kKept = seconds(10);
constexpr MonotonicTime kStart = MonotonicTime() + seconds(1000);

TEST(SpareCountTest, NoneWhileAllLive) {
  EXPECT_EQ(SpareCount(4, kKept).Wanted(kStart), 0u);
}

TEST(SpareCountTest, OneForEachLossForAWhile) {
  SpareCount count(4, kKept);
  count.WorkerLost(kStart);
  count.WorkerLost(kStart + seconds(5));
  EXPECT_EQ(count.Wanted(kStart + seconds(5)), 2u);
  EXPECT_EQ(count.Wanted(kStart + kKept), 1u);
  EXPECT_EQ(count.Wanted(kStart + seconds(5) + kKept), 0u);
}

TEST(SpareCountTest, NoMoreThanSlots) {
  SpareCount count(2, kKept);
  for (int i = 0; i < 100; ++i) count.WorkerLost(kStart);
  EXPECT_EQ(count.Wanted(kStart), 2u);
}

TEST(SpareCountTest, NoMoreThanItsLimit) {
  SpareCount count(64, kKept);
  for (int i = 0; i < 100; ++i) count.WorkerLost(kStart);
  EXPECT_EQ(count.Wanted(kStart), SpareCount::kSparesMax);
}

TEST(SpareCountTest, NoneAfterASpareHasFailed) {
  SpareCount count(4, kKept);
  count.WorkerLost(kStart);
  count.SpareFailed(kStart + seconds(1));
  EXPECT_EQ(count.Wanted(kStart + seconds(1)), 0u);
  count.WorkerLost(kStart + seconds(2));
  EXPECT_EQ(count.Wanted(kStart + seconds(2)), 0u);
  EXPECT_EQ(count.Wanted(kStart + seconds(1) + kKept), 1u);
}

}  // namespace
}  // namespace remuda

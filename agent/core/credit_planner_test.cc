#include "agent/core/credit_planner.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr WorkKey kWork{1};
constexpr WorkKey kOther{2};
const CreditPlanner::Waiting kNothing;

// A full executor ends `per_millisecond` tasks each millisecond.
void Work(CreditPlanner& planner, MonotonicTime& now, size_t per_millisecond,
          Duration wall, int milliseconds_long, WorkKey work = kWork) {
  planner.OnStarted(now, work,
                    per_millisecond * static_cast<size_t>(milliseconds_long));
  for (int i = 0; i < milliseconds_long; ++i) {
    now += milliseconds(1);
    planner.OnEnded(now, work, per_millisecond, wall * per_millisecond);
  }
}

TEST(CreditPlannerTest, BeginsWithItsSlots) {
  EXPECT_EQ(CreditPlanner(7).tasks(kNothing), 7u);
}

TEST(CreditPlannerTest, HoldsFiftyMillisecondsOfShortTasks) {
  CreditPlanner planner(10);
  MonotonicTime now{};
  Work(planner, now, 20, microseconds(500), 200);
  EXPECT_NEAR(static_cast<double>(planner.BacklogOf(kWork)), 1000, 20);
  EXPECT_EQ(planner.tasks(kNothing), 10 + planner.BacklogOf(kWork));
}

TEST(CreditPlannerTest, TheBacklogHasALimit) {
  CreditPlanner planner(10);
  MonotonicTime now{};
  Work(planner, now, 5'000, microseconds(1), 200);
  EXPECT_EQ(planner.BacklogOf(kWork), CreditPlanner::kBacklogMax);
}

TEST(CreditPlannerTest, LongTasksHaveNoBacklog) {
  CreditPlanner planner(1000);
  MonotonicTime now{};
  Work(planner, now, 10, milliseconds(80), 200);
  EXPECT_EQ(planner.BacklogOf(kWork), 0u);
  EXPECT_TRUE(planner.backlogs(ExecutorKind::kAsync).empty());
}

TEST(CreditPlannerTest, WhatOneWorkHasShownSaysNothingOfAnother) {
  CreditPlanner planner(10);
  MonotonicTime now{};
  Work(planner, now, 20, microseconds(500), 200);
  EXPECT_EQ(planner.BacklogOf(kOther), 0u);
  const std::vector<Backlog> told = planner.backlogs(ExecutorKind::kAsync);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].work, kWork);
  EXPECT_EQ(told[0].tasks, planner.BacklogOf(kWork));
}

TEST(CreditPlannerTest, UnknownWorkOnAllSlotsLeavesNoBacklog) {
  CreditPlanner planner(4);
  MonotonicTime now{};
  Work(planner, now, 20, microseconds(500), 200);
  planner.OnStarted(now, kOther, 3);
  EXPECT_GT(planner.tasks(kNothing), 4u);
  EXPECT_EQ(planner.tasks({{kOther, 1}}), 4u);
  planner.OnNotStarted(kOther, 3);
  EXPECT_GT(planner.tasks({{kOther, 3}}), 4u);
}

TEST(CreditPlannerTest, TheLeastBacklogOfWhatIsHeldCounts) {
  CreditPlanner planner(4);
  MonotonicTime now{};
  Work(planner, now, 1, milliseconds(10), 500, kOther);
  Work(planner, now, 20, microseconds(500), 200);
  const uint64_t least = planner.BacklogOf(kOther);
  ASSERT_LT(least, planner.BacklogOf(kWork));
  EXPECT_EQ(planner.tasks(kNothing), 4 + planner.BacklogOf(kWork));
  EXPECT_EQ(planner.tasks({{kWork, 9}, {kOther, 1}}), 4 + least);
}

TEST(CreditPlannerTest, WhatIsForgottenIsLearntAgain) {
  CreditPlanner planner(4);
  MonotonicTime now{};
  Work(planner, now, 20, microseconds(500), 200);
  planner.OnAnnounced(planner.tasks(kNothing));
  EXPECT_FALSE(planner.IsNews(planner.tasks(kNothing)));
  planner.Forget(now);
  EXPECT_EQ(planner.tasks(kNothing), 4u);
  EXPECT_TRUE(planner.IsNews(planner.tasks(kNothing)));
  planner.OnAnnounced(planner.tasks(kNothing));
  Work(planner, now, 20, microseconds(500), 200);
  EXPECT_GT(planner.tasks(kNothing), 4u);
  EXPECT_TRUE(planner.IsNews(planner.tasks(kNothing)));
}

TEST(CreditPlannerTest, RemembersAFewKindsOfWork) {
  CreditPlanner planner(4);
  MonotonicTime now{};
  constexpr uint64_t kKinds = 3 * CreditPlanner::kWorksMax;
  planner.OnStarted(now, kWork, 1);  // runs all the time
  for (uint64_t key = 2; key <= kKinds; ++key) {
    Work(planner, now, 20, microseconds(500), 20, WorkKey{key});
  }
  EXPECT_LT(planner.backlogs(ExecutorKind::kAsync).size(),
            CreditPlanner::kWorksMax);
  EXPECT_EQ(planner.BacklogOf(WorkKey{2}), 0u);
  EXPECT_GT(planner.BacklogOf(WorkKey{kKinds}), 0u);
  now += milliseconds(20);
  planner.OnEnded(now, kWork, 1, microseconds(10));
  EXPECT_GT(planner.BacklogOf(kWork), 0u);
}

TEST(CreditPlannerTest, RunningDryDoublesUntilItFades) {
  CreditPlanner planner(10);
  MonotonicTime now{};
  Work(planner, now, 2, microseconds(500), 100);
  const uint64_t before = planner.BacklogOf(kWork);
  planner.OnAnnounced(planner.tasks(kNothing));
  planner.OnGranted(0, 0, planner.tasks(kNothing));
  EXPECT_EQ(planner.BacklogOf(kWork), before);
  planner.OnGranted(0, 0, planner.tasks(kNothing));
  EXPECT_EQ(planner.BacklogOf(kWork), 2 * before);
  planner.Fade();
  EXPECT_EQ(planner.BacklogOf(kWork), 2 * before);
  planner.Fade();
  EXPECT_EQ(planner.BacklogOf(kWork), before);
}

TEST(CreditPlannerTest, HoweverOftenDryItHoldsNoMoreThanASecondOfWork) {
  CreditPlanner planner(10);
  MonotonicTime now{};
  Work(planner, now, 2, microseconds(500), 100);
  for (int i = 0; i < 30; ++i) {
    planner.OnAnnounced(planner.tasks(kNothing));
    planner.OnGranted(0, 0, planner.tasks(kNothing));
  }
  EXPECT_NEAR(static_cast<double>(planner.BacklogOf(kWork)), 2000, 50);
}

TEST(CreditPlannerTest, IdlenessThatCreditDidNotCauseRaisesNothing) {
  CreditPlanner planner(100);
  MonotonicTime now{};
  Work(planner, now, 2, microseconds(500), 100);
  const uint64_t before = planner.BacklogOf(kWork);
  planner.OnAnnounced(planner.tasks(kNothing));
  // A job that may run only five at once.
  for (int i = 0; i < 10; ++i) planner.OnGranted(0, 0, 5);
  EXPECT_EQ(planner.BacklogOf(kWork), before);
}

}  // namespace
}  // namespace remuda

#include "agent/core/credit_planner.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A full executor ends `per_millisecond` tasks each millisecond.
void Work(CreditPlanner& planner, MonotonicTime& now, size_t per_millisecond,
          Duration wall, int milliseconds_long) {
  for (int i = 0; i < milliseconds_long; ++i) {
    now += milliseconds(1);
    planner.OnEnded(now, per_millisecond, wall * per_millisecond, 10);
  }
}

TEST(CreditPlannerTest, BeginsWithItsSlots) {
  EXPECT_EQ(CreditPlanner(7).tasks(), 7u);
}

TEST(CreditPlannerTest, HoldsFiftyMillisecondsOfShortTasks) {
  CreditPlanner planner(10);
  MonotonicTime now{};
  planner.OnStarted(now, 0);
  Work(planner, now, 20, microseconds(500), 200);
  EXPECT_NEAR(static_cast<double>(planner.backlog()), 1000, 20);
}

TEST(CreditPlannerTest, TheBacklogHasALimit) {
  CreditPlanner planner(10);
  MonotonicTime now{};
  planner.OnStarted(now, 0);
  Work(planner, now, 5'000, microseconds(1), 200);
  EXPECT_EQ(planner.backlog(), CreditPlanner::kBacklogMax);
}

TEST(CreditPlannerTest, LongTasksHaveNoBacklog) {
  CreditPlanner planner(1000);
  MonotonicTime now{};
  planner.OnStarted(now, 0);
  Work(planner, now, 10, milliseconds(80), 200);
  EXPECT_EQ(planner.backlog(), 0u);
}

TEST(CreditPlannerTest, RunningDryDoublesUntilItFades) {
  CreditPlanner planner(10);
  MonotonicTime now{};
  planner.OnStarted(now, 0);
  Work(planner, now, 2, microseconds(500), 100);
  const uint64_t before = planner.backlog();
  planner.OnAnnounced(planner.tasks());
  planner.OnGranted(0, 0, planner.tasks());
  EXPECT_EQ(planner.backlog(), before);
  planner.OnGranted(0, 0, planner.tasks());
  EXPECT_EQ(planner.backlog(), 2 * before);
  planner.Fade();
  EXPECT_EQ(planner.backlog(), 2 * before);
  planner.Fade();
  EXPECT_EQ(planner.backlog(), before);
}

TEST(CreditPlannerTest, IdlenessThatCreditDidNotCauseRaisesNothing) {
  CreditPlanner planner(100);
  MonotonicTime now{};
  planner.OnStarted(now, 0);
  Work(planner, now, 2, microseconds(500), 100);
  const uint64_t before = planner.backlog();
  planner.OnAnnounced(planner.tasks());
  // A job that may run only five at once.
  for (int i = 0; i < 10; ++i) planner.OnGranted(0, 0, 5);
  EXPECT_EQ(planner.backlog(), before);
}

}  // namespace
}  // namespace remuda

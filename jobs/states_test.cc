#include "jobs/states.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(StatesTest, EveryNameLeadsBackToItsState) {
  for (int i = 0; i < kTaskStates; ++i) {
    const TaskState state = static_cast<TaskState>(i);
    EXPECT_EQ(TaskStateFromName(Name(state)), state);
  }
  for (int i = 0; i <= static_cast<int>(JobState::kCancelled); ++i) {
    const JobState state = static_cast<JobState>(i);
    EXPECT_EQ(JobStateFromName(Name(state)), state);
  }
  for (int i = 0; i < kExecutorKinds; ++i) {
    const ExecutorKind kind = static_cast<ExecutorKind>(i);
    EXPECT_EQ(ExecutorKindFromName(Name(kind)), kind);
  }
}

TEST(StatesTest, NamesAreThoseOfTheSpecification) {
  EXPECT_EQ(Name(TaskState::kTimedOut), "timed_out");
  EXPECT_EQ(Name(TaskState::kSkipped), "skipped");
  EXPECT_EQ(Name(JobState::kCancelling), "cancelling");
  EXPECT_EQ(Name(JobState::kCancelled), "cancelled");
  EXPECT_EQ(Name(AgentState::kDraining), "draining");
  EXPECT_EQ(Name(ExecutorKind::kProcessPool), "process-pool");
  EXPECT_EQ(TaskStateFromName("Pending"), std::nullopt);
  EXPECT_EQ(ExecutorKindFromName(""), std::nullopt);
}

TEST(StatesTest, TerminalStatesAreTheOnesThatEnd) {
  EXPECT_FALSE(IsTerminal(TaskState::kPending));
  EXPECT_FALSE(IsTerminal(TaskState::kRunning));
  EXPECT_TRUE(IsTerminal(TaskState::kSucceeded));
  EXPECT_TRUE(IsTerminal(TaskState::kLost));
  EXPECT_TRUE(IsTerminal(TaskState::kSkipped));
  EXPECT_FALSE(IsTerminal(JobState::kPaused));
  EXPECT_FALSE(IsTerminal(JobState::kCancelling));
  EXPECT_TRUE(IsTerminal(JobState::kFailed));
}

}  // namespace
}  // namespace remuda

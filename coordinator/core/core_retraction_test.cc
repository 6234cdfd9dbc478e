// How much of what work an agent is given, and what is wanted back of it.
#include <gtest/gtest.h>

#include <cstdint>

#include "coordinator/core/core_driver.h"
#include "coordinator/core/retraction.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSlots = 100;  // of a ScriptedAgent, async

class RetractionTest : public ::testing::Test {
 protected:
  RetractionTest() {
    for (ScriptedAgent* agent : {&one_, &two_}) {
      agent->hello().says_backlogs = true;
    }
  }

  JobId SubmitUrgent(uint64_t tasks) {
    JobToAccept job = NoopJob(tasks, "urgent");
    Edit(job).priority = 5;
    return driver_.SubmitOne(std::move(job));
  }

  // An agent that believed these tasks to be short, and began as many as it
  // has slots.
  JobId FillOne() {
    one_.SayHello();
    one_.BeatBacklog(10'000, 900);
    const JobId job = driver_.SubmitOne(NoopJob(1'000));
    EXPECT_EQ(one_.granted_tasks(), 1'000u);
    one_.Begin(job, kSlots - 1);
    one_.ClearHeard();
    return job;
  }

  CoreDriver driver_;
  ScriptedAgent one_{driver_, "one"};
  ScriptedAgent two_{driver_, "two"};
};

TEST_F(RetractionTest, OfUnknownWorkAnAgentGetsItsSlots) {
  one_.SayHello();
  one_.BeatBacklog(10'000, 0);
  const JobId job = driver_.SubmitOne(NoopJob(1'000));
  EXPECT_EQ(one_.granted_tasks(), kSlots);
  // No more before it has seen what it got.
  driver_.SubmitOne(NoopJob(1'000, "again"));
  EXPECT_EQ(one_.granted_tasks(), kSlots);
  one_.BeatBacklog(kSlots, 0);
  EXPECT_EQ(one_.granted_tasks(), kSlots);
  one_.BeatBacklog(kSlots + 300, 300);
  EXPECT_EQ(one_.granted_tasks(), kSlots + 300);
  EXPECT_EQ(one_.granted()[1].job, job);
}

TEST_F(RetractionTest, CreditThatWasEarnedByOtherWorkDoesNotCount) {
  one_.SayHello();
  one_.BeatBacklog(10'000, 5'000);
  JobToAccept other = NoopJob(5'000, "other");
  Edit(other).with = R"({"wait":"1h"})";
  driver_.SubmitOne(std::move(other));
  EXPECT_EQ(one_.granted_tasks(), kSlots);
}

TEST_F(RetractionTest, AnAgentThatSaysNoBacklogsHoldsItsCredit) {
  one_.hello().says_backlogs = false;
  one_.SayHello();
  one_.Beat(5'000);
  driver_.SubmitOne(NoopJob(9'000));
  EXPECT_EQ(one_.granted_tasks(), 5'000u);
  // It would not understand.
  two_.SayHello();
  two_.BeatBacklog(kSlots, 0);
  two_.SucceedAll();
  SubmitUrgent(1'000);
  for (int i = 0; i < 5; ++i) {
    one_.Beat(5'000);
    driver_.Advance(seconds(1));
  }
  EXPECT_EQ(one_.HeardCount<StopTasks>(), 0);
}

TEST_F(RetractionTest, AnIdleAgentGetsItsShareOfWhatWaits) {
  const JobId job = FillOne();
  two_.SayHello();
  two_.BeatBacklog(kSlots, 0);
  EXPECT_EQ(two_.granted_tasks(), 0u);
  driver_.Advance(CoreOptions{}.retract_after + 2 * kRetractLook);
  EXPECT_EQ(one_.HeardCount<StopTasks>(), 1);
  // Until it has answered, they are its own.
  EXPECT_EQ(two_.granted_tasks(), 0u);
  one_.BeatBacklog(kSlots, 0);
  EXPECT_EQ(one_.GiveBack(), 900u);
  EXPECT_EQ(one_.granted_tasks(), kSlots);
  EXPECT_EQ(two_.granted_tasks(), kSlots);
  EXPECT_EQ(two_.granted()[0].fence, Fence{2});
  // Never begun, never charged.
  EXPECT_EQ(driver_.Summary(job).infrastructure_losses, 0u);
  EXPECT_EQ(driver_.Summary(job).attempts, 0u);
  while (driver_.core().summary(job).has_value()) {
    one_.SucceedAll();
    two_.SucceedAll();
  }
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).attempts, 1'000u);
  EXPECT_TRUE(driver_.store().violations().empty());
}

TEST_F(RetractionTest, NothingIsWantedBackWhileItMayBeginAnyMoment) {
  const JobId job = FillOne();
  two_.SayHello();
  two_.BeatBacklog(kSlots, 0);
  // What waits has not waited for long, as one is done with what was before.
  uint64_t begun = kSlots;
  for (int i = 0; i < 8; ++i) {
    driver_.Advance(milliseconds(500));
    one_.End(job, {begun - kSlots, kSlots}, 1, Ending::kSucceeded);
    begun += kSlots;
    one_.Begin(job, begun - 1);
    EXPECT_TRUE(i > 0 || one_.HeardCount<StopTasks>() == 0);
  }
  // That it goes on at all does not help when the end waits for seconds.
  EXPECT_GE(one_.HeardCount<StopTasks>(), 1);
}

TEST_F(RetractionTest, AskedAgainOnlyAfterAPause) {
  FillOne();
  two_.SayHello();
  two_.BeatBacklog(kSlots, 0);
  driver_.Advance(CoreOptions{}.retract_after + 2 * kRetractLook);
  EXPECT_EQ(one_.HeardCount<StopTasks>(), 1);
  driver_.Advance(kRetractPause - 4 * kRetractLook);
  EXPECT_EQ(one_.HeardCount<StopTasks>(), 1);
  driver_.Advance(5 * kRetractLook);
  EXPECT_EQ(one_.HeardCount<StopTasks>(), 2);
}

TEST_F(RetractionTest, WithNobodyIdleAndNothingUrgentTasksStay) {
  FillOne();
  driver_.Advance(seconds(5));
  EXPECT_EQ(one_.HeardCount<StopTasks>(), 0);
  EXPECT_EQ(driver_.core().counters().tasks_wanted_back, 0u);
}

// The only agent holds all that it is willing to.
TEST_F(RetractionTest, WaitingWorkMakesRoomForHigherPriority) {
  FillOne();
  one_.BeatBacklog(1'000, 900);
  const JobId urgent = SubmitUrgent(10);
  EXPECT_EQ(one_.granted_tasks(), 1'000u);
  driver_.Advance(CoreOptions{}.retract_after + 2 * kRetractLook);
  one_.BeatBacklog(kSlots + 10, 0);
  EXPECT_EQ(one_.GiveBack(), 900u);
  ASSERT_EQ(one_.granted().size(), 2u);
  EXPECT_EQ(one_.granted()[1].job, urgent);
  EXPECT_EQ(one_.granted()[1].tasks.count, 10u);
}

// It is willing to hold more, but starts things in the order granted.
TEST_F(RetractionTest, WaitingWorkInFrontOfHigherPriorityGoesBack) {
  FillOne();
  const JobId urgent = SubmitUrgent(10);
  EXPECT_EQ(one_.granted_tasks(), 1'010u);
  driver_.Advance(CoreOptions{}.retract_after + 2 * kRetractLook);
  one_.BeatBacklog(kSlots + 10, 0);
  EXPECT_EQ(one_.GiveBack(), 900u);
  ASSERT_EQ(one_.granted().size(), 2u);
  EXPECT_EQ(one_.granted()[1].job, urgent);
  // Once is enough.
  driver_.Advance(seconds(10));
  EXPECT_EQ(one_.GiveBack(), 0u);
}

TEST_F(RetractionTest, EqualPriorityWaitsForItsTurn) {
  FillOne();
  one_.BeatBacklog(1'000, 900);
  driver_.SubmitOne(NoopJob(10, "another"));
  driver_.Advance(seconds(5));
  EXPECT_EQ(one_.HeardCount<StopTasks>(), 0);
}

}  // namespace
}  // namespace remuda

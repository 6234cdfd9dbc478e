#include <gtest/gtest.h>

#include "coordinator/core/core_driver.h"

namespace remuda {
namespace {

std::string ReplayDigest(const std::vector<Event>& history) {
  Core replayed((CoreOptions()));
  for (const Event& event : history) replayed.Apply(event);
  return replayed.StateDigest();
}

TEST(RestartTest, RunningWorkGoesOnAndNothingRunsTwice) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(3'000);
  const JobId job = driver.SubmitOne(NoopJob(5'000));
  const AgentId id = agent.id();
  agent.End(job, {.first = 0, .count = 500}, 1, Ending::kSucceeded);
  driver.Restart();
  agent.ClearHeard();
  agent.SayHello({{.job = job,
                   .tasks = {.first = 500, .count = 3'000},
                   .fence = Fence{1}}});
  EXPECT_EQ(agent.id(), id);
  EXPECT_TRUE(agent.welcome().fenced.empty());
  agent.Beat(3'000);
  EXPECT_EQ(agent.HeardCount<Grant>(), 0);
  agent.Beat(10'000);
  agent.Forget();
  for (uint64_t first = 500; first < 5'000;) {
    const uint64_t end = std::min<uint64_t>(5'000, (first / 1'024 + 1) * 1'024);
    agent.End(job, {.first = first, .count = end - first}, 1,
              Ending::kSucceeded);
    first = end;
  }
  EXPECT_EQ(driver.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver.Summary(job).attempts, 5'000u);
  EXPECT_TRUE(driver.store().violations().empty());
}

TEST(RestartTest, TasksOfAnAgentThatStaysAwayWaitOneLease) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(10);
  const JobId job = driver.SubmitOne(NoopJob(10));
  driver.Restart();
  ScriptedAgent other(driver, "b");
  other.SayHello();
  for (int i = 0; i < 14; ++i) {
    other.Beat(10);
    EXPECT_EQ(other.granted_tasks(), 0u);
    driver.Advance(std::chrono::seconds(2));
  }
  driver.Advance(std::chrono::seconds(3));
  other.Beat(10);
  EXPECT_EQ(other.granted_tasks(), 10u);
  // Nobody has said that it had begun.
  EXPECT_EQ(driver.store().tries(job, 0).losses, 0u);
}

TEST(RestartTest, ABackOffGoesOn) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(1);
  JobToAccept accept = NoopJob(1);
  Edit(accept).retry.attempts_max = 2;
  Edit(accept).retry.initial = std::chrono::seconds(20);
  const JobId job = driver.SubmitOne(std::move(accept));
  agent.End(job, {.first = 0, .count = 1}, 1, Ending::kError, 1);
  driver.Advance(std::chrono::seconds(10));
  driver.Restart();
  agent.SayHello();
  agent.Beat(1);
  driver.Advance(std::chrono::seconds(5));
  EXPECT_EQ(agent.granted_tasks(), 0u);
  agent.Beat(1);
  driver.Advance(std::chrono::milliseconds(9'100));
  agent.Beat(1);
  EXPECT_EQ(agent.granted_tasks(), 1u);
}

TEST(RestartTest, ReplayLiveAndRestoredAgree) {
  CoreDriver driver;
  ScriptedAgent a(driver, "a");
  ScriptedAgent b(driver, "b");
  for (ScriptedAgent* agent : {&a, &b}) {
    agent->SayHello();
    agent->Beat(700);
  }
  JobToAccept accept = NoopJob(3'000);
  Edit(accept).retry.attempts_max = 3;
  const JobId job = driver.SubmitOne(std::move(accept));
  driver.SubmitOne(NoopJob(40, "other"));
  const GrantedRange range = a.granted()[0];
  a.End(job, {.first = range.tasks.first, .count = 10}, 1, Ending::kError, 1);
  a.End(job, {.first = range.tasks.first + 20, .count = 10}, 1,
        Ending::kEvicted);
  b.SucceedAll();
  driver.Cancel(JobId{2});
  a.SayHello();
  EXPECT_EQ(driver.core().StateDigest(),
            ReplayDigest(driver.store().history()));
  driver.Restart();
  EXPECT_EQ(driver.core().StateDigest(),
            ReplayDigest(driver.store().history()));
  EXPECT_TRUE(driver.store().violations().empty());
}

TEST(RestartTest, EachStartOpensATerm) {
  CoreDriver driver;
  EXPECT_EQ(driver.core().term(), Term{1});
  driver.Restart();
  EXPECT_EQ(driver.core().term(), Term{2});
}

TEST(RestartTest, WhatWasTriedAndLostIsCountedOnAfterTwoOfThem) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(1);
  JobToAccept accept = NoopJob(1);
  Edit(accept).retry.attempts_max = 3;
  Edit(accept).retry.initial = std::chrono::milliseconds(1);
  const JobId job = driver.SubmitOne(std::move(accept));
  const auto end = [&](Ending ending) {
    ASSERT_EQ(agent.granted().size(), 1u);
    const uint32_t fence = agent.granted()[0].fence.value;
    agent.Forget();
    agent.End(job, {.first = 0, .count = 1}, fence, ending, 1);
    agent.Forget();  // what came at once does not survive what follows
  };
  end(Ending::kError);
  for (const Ending ending :
       {Ending::kEvicted, Ending::kError, Ending::kEvicted, Ending::kError}) {
    EXPECT_EQ(driver.Summary(job).state, JobState::kRunning);
    driver.Restart();
    driver.Restart();
    agent.SayHello();
    driver.Advance(std::chrono::seconds(3));
    agent.Beat(1);
    end(ending);
  }
  EXPECT_EQ(driver.Summary(job).state, JobState::kFailed);
  EXPECT_EQ(driver.Summary(job).attempts, 5u);
  EXPECT_EQ(driver.Summary(job).infrastructure_losses, 2u);
  EXPECT_TRUE(driver.store().violations().empty());
}

// What a store may never hold is refused with a name, not a crash.
class DamagedStoreTest : public testing::Test {
 protected:
  DamagedStoreTest() : agent_(driver_, "a") {
    agent_.SayHello();
    agent_.Beat(5);
    const JobId job = driver_.SubmitOne(NoopJob(10));
    agent_.End(job, {.first = 0, .count = 2}, 1, Ending::kSucceeded);
    state_ = driver_.store().Load();
  }

  void ExpectRefused() {
    Core core((CoreOptions()));
    const absl::Status status = core.Restore(driver_.now(), state_);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status.ToString();
  }

  CoreDriver driver_;
  ScriptedAgent agent_;
  StoredState state_;
};

TEST_F(DamagedStoreTest, AsItIsItLoads) {
  Core core((CoreOptions()));
  EXPECT_TRUE(core.Restore(driver_.now(), state_).ok());
}
TEST_F(DamagedStoreTest, AChunkOfNoJob) {
  state_.chunks[0].job = JobId{77};
  ExpectRefused();
}
TEST_F(DamagedStoreTest, AChunkOutsideItsJob) {
  state_.chunks[0].chunk = 5;
  ExpectRefused();
}
TEST_F(DamagedStoreTest, AChunkThatCannotBeRead) {
  state_.chunks[0].state[1] = 9;
  ExpectRefused();
}
TEST_F(DamagedStoreTest, AGrantOfNoAgent) {
  state_.agents.clear();
  ExpectRefused();
}
TEST_F(DamagedStoreTest, AGrantOutsideItsJob) {
  state_.grants[0].tasks.count = 1'000;
  ExpectRefused();
}
TEST_F(DamagedStoreTest, AGrantTwice) {
  state_.grants.push_back(state_.grants[0]);
  ExpectRefused();
}
TEST_F(DamagedStoreTest, AGrantMissing) {
  state_.grants.erase(state_.grants.begin());
  ExpectRefused();
}
TEST_F(DamagedStoreTest, CountsThatDisagree) {
  ++state_.jobs[0].summary.tasks[2];
  ExpectRefused();
}
TEST_F(DamagedStoreTest, AJobTwice) {
  state_.jobs.push_back(state_.jobs[0]);
  ExpectRefused();
}

TEST(RestartTest, AgentsThatDiedWithTheCoordinatorAreNotWaitedFor) {
  CoreOptions options;
  options.agents_die_with_us = true;
  CoreDriver driver(options);
  ScriptedAgent old_agent(driver, "a");
  old_agent.SayHello();
  old_agent.Beat(3);
  const JobId job = driver.SubmitOne(NoopJob(10));
  const JobId cancelled = driver.SubmitOne(NoopJob(10));
  old_agent.Beat(13);
  driver.Cancel(cancelled);
  EXPECT_EQ(driver.Summary(cancelled).state, JobState::kCancelling);
  driver.Restart();
  driver.Advance(Duration::zero());
  EXPECT_EQ(driver.Summary(cancelled).state, JobState::kCancelled);
  ScriptedAgent next(driver, "b");
  next.SayHello();
  next.Beat(10);
  next.End(job, {.first = 0, .count = 3}, 2, Ending::kSucceeded);
  EXPECT_EQ(driver.Summary(job).infrastructure_losses, 0u);
}

}  // namespace
}  // namespace remuda

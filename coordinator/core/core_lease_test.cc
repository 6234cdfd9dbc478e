#include <gtest/gtest.h>

#include "coordinator/core/core_driver.h"

namespace remuda {
namespace {

class LeaseTest : public testing::Test {
 protected:
  LeaseTest() : agent_(driver_, "a") {
    agent_.SayHello();
    agent_.Beat(10);
  }
  ~LeaseTest() override {
    EXPECT_EQ(driver_.store().violations(), std::vector<std::string>());
  }

  AgentState StateOf(const ScriptedAgent& agent) {
    for (const AgentSummary& summary : driver_.core().agents()) {
      if (summary.id == agent.id()) return summary.state;
    }
    return AgentState::kLost;
  }

  CoreDriver driver_;
  ScriptedAgent agent_;
};

TEST_F(LeaseTest, ASilentAgentGetsNoNewWork) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  driver_.Advance(std::chrono::seconds(7));
  EXPECT_EQ(StateOf(agent_), AgentState::kSuspect);
  driver_.SubmitOne(NoopJob(3, "later"));
  EXPECT_EQ(agent_.granted_tasks(), 3u);
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 3u);
  agent_.Beat(10);
  EXPECT_EQ(StateOf(agent_), AgentState::kOnline);
  EXPECT_EQ(agent_.granted_tasks(), 6u);
}

TEST_F(LeaseTest, HeartbeatsAndResultsRenewIt) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  for (int i = 0; i < 40; ++i) {
    driver_.Advance(std::chrono::seconds(4));
    if (i % 2 == 0) {
      agent_.Beat(10);
    } else {
      agent_.SendBatches({});
    }
  }
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 3u);
  EXPECT_EQ(StateOf(agent_), AgentState::kOnline);
}

TEST_F(LeaseTest, AfterALeaseOfSilenceItsTasksGoToOthers) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  driver_.Advance(std::chrono::milliseconds(30'290));
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 3u);
  driver_.Advance(std::chrono::milliseconds(20));
  EXPECT_EQ(driver_.Count(job, TaskState::kPending), 3u);
  EXPECT_EQ(StateOf(agent_), AgentState::kLost);
  ScriptedAgent other(driver_, "b");
  other.SayHello();
  other.Beat(10);
  ASSERT_EQ(other.granted_tasks(), 3u);
  EXPECT_EQ(other.granted()[0].fence, Fence{2});
  EXPECT_EQ(driver_.store().tries(job, 0).losses, 1u);
  // The one given up comes back and is told to stop; its results are stale.
  const AgentId old_id = agent_.id();
  agent_.SayHello(agent_.Held());
  EXPECT_NE(agent_.id(), old_id);
  ASSERT_EQ(agent_.welcome().fenced.size(), 1u);
  EXPECT_EQ(agent_.welcome().fenced[0].tasks.count, 3u);
  agent_.End(job, {.first = 0, .count = 3}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 0u);
  other.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
}

TEST_F(LeaseTest, ATaskThatLosesItsAgentsIsQuarantined) {
  const JobId job = driver_.SubmitOne(NoopJob(1));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 1u);
    driver_.Advance(std::chrono::seconds(31));
    agent_.Forget();
    agent_.SayHello();
    agent_.Beat(10);
  }
  EXPECT_EQ(driver_.Count(job, TaskState::kLost), 1u);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kFailed);
  EXPECT_EQ(driver_.Summary(job).reason,
            "1 of 1 tasks were lost with their agents; at most 0 may");
}

TEST_F(LeaseTest, AnUnreachableAgentKeepsItsLease) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  driver_.core().OnAgentUnreachable(driver_.now(), agent_.peer());
  driver_.Turn();
  EXPECT_EQ(StateOf(agent_), AgentState::kSuspect);
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 3u);
  const AgentId id = agent_.id();
  agent_.SayHello(agent_.Held());
  EXPECT_EQ(agent_.id(), id);
  EXPECT_TRUE(agent_.welcome().fenced.empty());
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).attempts, 3u);
}

TEST_F(LeaseTest, WhatAHelloDoesNotListNeverArrived) {
  const JobId job = driver_.SubmitOne(NoopJob(10));
  agent_.Forget();
  agent_.SayHello(
      {{.job = job, .tasks = {.first = 2, .count = 3}, .fence = Fence{1}}});
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 3u);
  EXPECT_EQ(driver_.Count(job, TaskState::kPending), 7u);
  EXPECT_EQ(driver_.store().tries(job, 0).attempts, 0u);
  agent_.Beat(10);
  EXPECT_EQ(agent_.granted_tasks(), 7u);
  EXPECT_EQ(agent_.granted()[0].fence, Fence{2});
  EXPECT_EQ(driver_.core().counters().tasks_never_arrived, 7u);
}

TEST_F(LeaseTest, ALostGrantIsNoticedAndRepaired) {
  const JobId job = driver_.SubmitOne(NoopJob(10));
  agent_.Forget();
  agent_.set_last_grant(0);
  agent_.ClearHeard();
  // It may be under way: beats that follow each other closely prove nothing.
  for (int i = 0; i < 5; ++i) agent_.Beat(10);
  driver_.Advance(std::chrono::seconds(3));
  agent_.Beat(10);
  EXPECT_EQ(agent_.HeardCount<Refusal>(), 0);
  driver_.Advance(std::chrono::seconds(3));
  agent_.Beat(10);
  ASSERT_EQ(agent_.HeardCount<Refusal>(), 1);
  agent_.SayHello();
  agent_.Beat(10);
  EXPECT_EQ(agent_.granted_tasks(), 10u);
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).attempts, 10u);
}

TEST_F(LeaseTest, AnAgentThatLeavesHandsItsTasksBack) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  agent_.Leave();
  EXPECT_EQ(driver_.Count(job, TaskState::kPending), 3u);
  EXPECT_EQ(driver_.store().tries(job, 0).losses, 0u);
  EXPECT_TRUE(driver_.core().agents().empty());
}

TEST_F(LeaseTest, ADrainingAgentGetsNothingMore) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  agent_.Drain();
  EXPECT_EQ(StateOf(agent_), AgentState::kDraining);
  driver_.SubmitOne(NoopJob(3, "later"));
  EXPECT_EQ(agent_.granted_tasks(), 3u);
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
}

TEST_F(LeaseTest, ACapCountsTasksOfSuspects) {
  JobToAccept accept = NoopJob(10);
  Edit(accept).concurrency = 2;
  const JobId job = driver_.SubmitOne(std::move(accept));
  driver_.Advance(std::chrono::seconds(7));
  ScriptedAgent other(driver_, "b");
  other.SayHello();
  other.Beat(10);
  EXPECT_EQ(other.granted_tasks(), 0u);
  driver_.Restart();
  other.SayHello();
  other.Beat(10);
  EXPECT_EQ(other.granted_tasks(), 0u);
  EXPECT_EQ(driver_.core().summary(job)->tasks[1], 2u);
}

TEST_F(LeaseTest, SilenceWhileTheCoordinatorWasAwayIsNotHeldAgainstAgents) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  Now later = driver_.now();
  later.monotonic += std::chrono::seconds(60);
  later.wall += std::chrono::seconds(60);
  driver_.core().OnTime(later);
  EXPECT_EQ(driver_.core().summary(job)->tasks[1], 3u);
  later.monotonic += std::chrono::seconds(7);
  driver_.core().OnTime(later);
  EXPECT_EQ(driver_.core().summary(job)->tasks[0], 3u);
}

TEST_F(LeaseTest, APeerWithoutASessionIsToldToSayHello) {
  agent_.ClearHeard();
  agent_.SendIn(SessionId{99}, Heartbeat{.sequence = 7});
  ASSERT_EQ(agent_.HeardCount<Refusal>(), 1);
  EXPECT_EQ(std::get<Refusal>(agent_.heard()[0]).code,
            Refusal::Code::kUnknownSession);
  EXPECT_EQ(StateOf(agent_), AgentState::kOnline);
}

TEST_F(LeaseTest, ALateCopyOfAnOldHelloDoesNothing) {
  const Hello old = agent_.hello();
  agent_.SayHello();
  agent_.Beat(10);
  const JobId job = driver_.SubmitOne(NoopJob(3));
  const std::string digest = driver_.core().StateDigest();
  agent_.SendIn(SessionId{}, old);
  EXPECT_EQ(driver_.core().StateDigest(), digest);
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 3u);
}

}  // namespace
}  // namespace remuda

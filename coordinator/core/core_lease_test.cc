#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

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
  agent_.Begin(job, 1);
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
  EXPECT_EQ(driver_.store().tries(job, 1).attempts, 1u);
  // This one only waited there.
  EXPECT_EQ(driver_.store().tries(job, 2).losses, 0u);
  EXPECT_EQ(driver_.store().tries(job, 2).attempts, 0u);
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
  for (uint32_t fence = 1; fence <= 5; ++fence) {
    EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 1u);
    agent_.Begin(job, 0, fence);
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

TEST_F(LeaseTest, ATaskThatNeverBeganIsNotQuarantined) {
  const JobId job = driver_.SubmitOne(NoopJob(1));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 1u);
    driver_.Advance(std::chrono::seconds(31));
    agent_.Forget();
    agent_.SayHello();
    agent_.Beat(10);
  }
  EXPECT_EQ(driver_.store().tries(job, 0).attempts, 0u);
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).attempts, 1u);
}

TEST_F(LeaseTest, WhatWasGrantedBeforeTheLastBegunHasBegunToo) {
  const JobId first = driver_.SubmitOne(NoopJob(3));
  const JobId second = driver_.SubmitOne(NoopJob(3, "second"));
  const auto begun = [this] { return driver_.core().counters().classes[0]; };
  agent_.End(first, {.first = 0, .count = 1}, 1, Ending::kSucceeded);
  EXPECT_EQ(begun().attempts_started, 1u);
  agent_.Begin(second, 0);
  EXPECT_EQ(begun().attempts_started, 4u);
  EXPECT_EQ(begun().begun, 3u);
  // Said again, of others' tasks, or of none, it changes nothing.
  agent_.Begin(second, 0);
  agent_.Begin(first, 2);
  agent_.Begin(second, 7);
  agent_.Begin(JobId{99}, 0);
  EXPECT_EQ(begun().attempts_started, 4u);
  // One that was said to have begun may be handed back all the same.
  agent_.End(first, {.first = 2, .count = 1}, 1, Ending::kCancelled, 0,
             /*started=*/false);
  EXPECT_EQ(begun().attempts_started, 3u);
  EXPECT_EQ(begun().begun, 2u);
  driver_.Advance(std::chrono::seconds(31));
  EXPECT_EQ(driver_.Summary(first).infrastructure_losses, 1u);
  EXPECT_EQ(driver_.Summary(second).infrastructure_losses, 1u);
  EXPECT_EQ(begun().attempts_started, 3u);
  EXPECT_EQ(begun().begun, 0u);
}

TEST_F(LeaseTest, AHelloTellsWhatWaits) {
  const JobId job = driver_.SubmitOne(NoopJob(10));
  driver_.Restart();
  agent_.hello().waiting = {
      {.job = job, .tasks = {.first = 4, .count = 6}, .fence = Fence{1}}};
  agent_.SayHello(agent_.Held());
  agent_.Beat(10);
  EXPECT_EQ(driver_.core().counters().classes[0].begun, 4u);
  driver_.Advance(std::chrono::seconds(31));
  EXPECT_EQ(driver_.Summary(job).infrastructure_losses, 4u);
  EXPECT_EQ(driver_.Summary(job).attempts, 4u);
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
  agent_.Beat(3);
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

TEST_F(LeaseTest, ALateCopyOfAnOldHelloAfterARestartReturnsNothing) {
  Hello late = agent_.hello();
  const JobId job = driver_.SubmitOne(NoopJob(10));
  driver_.Restart();
  late.number = 1;  // it was said before the tasks were granted
  driver_.core().OnAgentMessage(driver_.now(), {.peer = driver_.NewPeer()},
                                late);
  driver_.Turn();
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 10u);
  EXPECT_EQ(driver_.core().counters().tasks_never_arrived, 0u);
  agent_.SayHello(agent_.Held());
  agent_.Beat(10);
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).attempts, 10u);
}

TEST_F(LeaseTest, AThousandAgentsRegisterWhileTasksFlow) {
  const JobId job = driver_.SubmitOne(NoopJob(1'000'000));
  std::vector<std::unique_ptr<ScriptedAgent>> agents;
  for (int i = 0; i < 1'000; ++i) {
    agents.push_back(
        std::make_unique<ScriptedAgent>(driver_, "agent-" + std::to_string(i)));
    agents.back()->SayHello();
    agent_.Beat(1'000);
    agent_.SucceedAll();
  }
  // Three leases, in which each says so much that the coordinator's turns are
  // full of it, and its heartbeats come as late as they may.
  for (int round = 0; round < 18; ++round) {
    driver_.Advance(std::chrono::milliseconds(5'900));
    agent_.Beat(1'000);
    for (const auto& agent : agents) {
      agent->Beat(8);
      agent->SucceedAll();
    }
  }
  for (const auto& agent : agents) {
    EXPECT_EQ(StateOf(*agent), AgentState::kOnline);
    EXPECT_EQ(agent->HeardCount<Welcome>(), 1);
    EXPECT_EQ(agent->HeardCount<Refusal>(), 0);
  }
  EXPECT_EQ(driver_.core().counters().leases_expired, 0u);
  EXPECT_EQ(driver_.Summary(job).infrastructure_losses, 0u);
}

class SuccessorTest : public LeaseTest {
 protected:
  SuccessorTest() {
    agent_.hello().process = "first";
    agent_.hello().number = HelloNumber(1, 1);
    agent_.SayHello();
    agent_.Beat(10);
  }
  // Another process of the agent's data folder.
  void StartAgain(uint32_t start, std::vector<FencedRange> held = {}) {
    agent_.hello().process = "process " + std::to_string(start);
    agent_.hello().number = HelloNumber(start, 1);
    agent_.SayHello(std::move(held));
  }
};

TEST_F(SuccessorTest, WhatDidNotEndIsLostAtOnceAndWhatDidIsRecorded) {
  const JobId job = driver_.SubmitOne(NoopJob(5));
  // 0 to 2 have begun, and 0 and 1 ended before the process did.
  agent_.Begin(job, 2);
  const AgentId id = agent_.id();
  agent_.Forget();
  StartAgain(2, {{.job = job, .tasks = {0, 2}, .fence = {1}}});
  EXPECT_EQ(agent_.id(), id);
  EXPECT_TRUE(agent_.welcome().fenced.empty());
  // A Hello may be late: only what follows it counts.
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 5u);
  agent_.End(job, {.first = 0, .count = 2}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 2u);
  EXPECT_EQ(driver_.Count(job, TaskState::kPending), 3u);
  EXPECT_EQ(driver_.store().tries(job, 2).losses, 1u);
  EXPECT_EQ(driver_.store().tries(job, 3).attempts, 0u);
  agent_.Beat(10);
  EXPECT_EQ(agent_.granted_tasks(), 3u);
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).attempts, 6u);
}

TEST_F(SuccessorTest, ALossIsNoneBeforeASessionIsHeard) {
  const JobId job = driver_.SubmitOne(NoopJob(1));
  agent_.Begin(job, 0);
  agent_.Forget();
  // The first of the second process is lost, so that it says Hello twice.
  StartAgain(2);
  agent_.hello().number = HelloNumber(2, 2);
  agent_.SayHello();
  EXPECT_EQ(driver_.store().tries(job, 0).losses, 0u);
  agent_.Beat(0);
  EXPECT_EQ(driver_.store().tries(job, 0).losses, 1u);
}

TEST_F(SuccessorTest, ATaskThatKillsItsAgentIsQuarantinedWithinTheLease) {
  const JobId job = driver_.SubmitOne(NoopJob(1));
  for (uint32_t fence = 1; fence <= 5; ++fence) {
    EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 1u);
    agent_.Begin(job, 0, fence);
    agent_.Forget();
    StartAgain(fence + 1);
    agent_.Beat(10);
  }
  EXPECT_EQ(driver_.Count(job, TaskState::kLost), 1u);
}

TEST_F(SuccessorTest, AfterARestartOfTheCoordinatorToo) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  agent_.Begin(job, 1);
  driver_.Restart();
  agent_.Forget();
  StartAgain(2, {{.job = job, .tasks = {0, 1}, .fence = {1}}});
  agent_.End(job, {.first = 0, .count = 1}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 1u);
  EXPECT_EQ(driver_.Count(job, TaskState::kPending), 2u);
  // What had begun before its start it cannot know.
  EXPECT_EQ(driver_.Summary(job).infrastructure_losses, 0u);
}

TEST_F(SuccessorTest, GivenUpItsResultsAreStale) {
  const JobId job = driver_.SubmitOne(NoopJob(1));
  const AgentId id = agent_.id();
  driver_.Advance(std::chrono::seconds(31));
  StartAgain(2, {{.job = job, .tasks = {0, 1}, .fence = {1}}});
  EXPECT_NE(agent_.id(), id);
  EXPECT_EQ(agent_.welcome().fenced.size(), 1u);
  agent_.End(job, {.first = 0, .count = 1}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 0u);
}

TEST_F(SuccessorTest, ACopyOfTheFolderIsRefused) {
  const JobId job = driver_.SubmitOne(NoopJob(1));
  StartAgain(2, agent_.Held());
  agent_.Beat(10);
  const SessionId session = agent_.welcome().session;
  ScriptedAgent copy(driver_, "a");
  for (const uint32_t start : {1u, 2u}) {
    copy.ClearHeard();
    copy.hello().process = "of the copy";
    copy.hello().number = HelloNumber(start, 9);
    copy.SayHello();
    ASSERT_EQ(copy.HeardCount<Refusal>(), 1);
    EXPECT_EQ(std::get<Refusal>(copy.heard().back()).code,
              Refusal::Code::kSuperseded);
  }
  agent_.Beat(10);
  EXPECT_EQ(agent_.welcome().session, session);
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  // The one that started last has the place, and the other one learns of it.
  copy.hello().number = HelloNumber(3, 1);
  copy.SayHello();
  agent_.ClearHeard();
  agent_.hello().number = HelloNumber(2, 2);
  agent_.SayHello();
  EXPECT_EQ(agent_.HeardCount<Refusal>(), 1);
}

}  // namespace
}  // namespace remuda

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/core/agent_core.h"
#include "agent/core/agent_core_harness.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Harness = AgentCoreHarness;

TEST(AgentCoreSessionTest, SaysHelloThenHeartbeatsWithItsCredit) {
  Harness harness;
  harness.Turn();
  EXPECT_TRUE(harness.Take<Hello>().empty());
  harness.Register();
  const std::vector<Hello> hellos = harness.Take<Hello>();
  ASSERT_EQ(hellos.size(), 1u);
  EXPECT_EQ(hellos[0].number, 1u);
  EXPECT_EQ(hellos[0].results_first, 1u);
  std::vector<Heartbeat> heartbeats = harness.Take<Heartbeat>();
  ASSERT_EQ(heartbeats.size(), 1u);
  EXPECT_EQ(heartbeats[0].credits[0].tasks, 4u);
  harness.Advance(seconds(5));
  EXPECT_EQ(harness.Take<Heartbeat>().size(), 2u);
}

TEST(AgentCoreSessionTest, AnotherHelloListsWhatIsHeld) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 6)});
  harness.executor().End(Harness::Id(1, 1), {});
  harness.Turn();
  EXPECT_EQ(harness.TakeRuns().size(), 1u);
  harness.Take<Hello>();

  harness.core().OnDisconnected(harness.now());
  harness.Advance(seconds(3));
  // Work goes on without the coordinator.
  harness.executor().End(Harness::Id(1, 0), {});
  harness.Turn();
  EXPECT_EQ(harness.executor().running().size(), 2u);

  harness.Register();
  const std::vector<Hello> hellos = harness.Take<Hello>();
  ASSERT_EQ(hellos.size(), 1u);
  EXPECT_EQ(hellos[0].number, 2u);
  EXPECT_EQ(hellos[0].results_first, 1u);
  const FencedRange all = {.job = {1}, .tasks = {0, 6}, .fence = {1}};
  EXPECT_EQ(hellos[0].held, std::vector<FencedRange>{all});
  // The unacked result travels again, then the new one.
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].tasks.first, 1u);
  EXPECT_EQ(runs[1].tasks.first, 0u);
}

TEST(AgentCoreSessionTest, AGrantThatComesTwiceRunsOnce) {
  Harness harness;
  harness.Register();
  const Grant grant = {.sequence = 1,
                       .definitions = {Harness::RangeJob(1, 10)},
                       .ranges = {Harness::Range(1, 0, 2)}};
  harness.Deliver(grant);
  harness.Deliver(grant);
  // Another one that overlaps what is held.
  harness.Deliver(Grant{.sequence = 2, .ranges = {Harness::Range(1, 1, 2)}});
  EXPECT_EQ(harness.executor().running(),
            (std::vector<AttemptId>{Harness::Id(1, 0), Harness::Id(1, 1),
                                    Harness::Id(1, 2)}));
  EXPECT_EQ(harness.core().counters().duplicate_tasks, 1u);
}

TEST(AgentCoreSessionTest, ALostGrantLeadsToAnotherHello) {
  Harness harness;
  harness.Register();
  harness.Take<Hello>();
  harness.Deliver(Grant{.sequence = 2,
                        .definitions = {Harness::RangeJob(1, 10)},
                        .ranges = {Harness::Range(1, 0, 2)}});
  const std::vector<Hello> hellos = harness.Take<Hello>();
  ASSERT_EQ(hellos.size(), 1u);
  const FencedRange arrived = {.job = {1}, .tasks = {0, 2}, .fence = {1}};
  EXPECT_EQ(hellos[0].held, std::vector<FencedRange>{arrived});
  // Until the Welcome there is no session to be granted anything in.
  harness.Deliver(Grant{.sequence = 3, .ranges = {Harness::Range(1, 5, 2)}});
  EXPECT_EQ(harness.executor().running().size(), 2u);
}

TEST(AgentCoreSessionTest, AGrantOfAnUnknownJobIsNotHeld) {
  Harness harness;
  harness.Register();
  harness.Take<Hello>();
  harness.Grant({}, {Harness::Range(9, 0, 2)});
  const std::vector<Hello> hellos = harness.Take<Hello>();
  ASSERT_EQ(hellos.size(), 1u);
  EXPECT_TRUE(hellos[0].held.empty());
}

TEST(AgentCoreSessionTest, AnUnknownSessionSaysHelloAtOnce) {
  Harness harness;
  harness.Register();
  harness.Take<Hello>();
  harness.Deliver(Refusal{.code = Refusal::Code::kUnknownSession});
  EXPECT_EQ(harness.Take<Hello>().size(), 1u);
}

TEST(AgentCoreSessionTest, ABusyCoordinatorIsAskedLessAndLessOften) {
  Harness harness;
  harness.core().OnConnected(harness.now());
  std::vector<MonotonicTime> asked;
  while (harness.now() < MonotonicTime(seconds(120))) {
    harness.Advance(milliseconds(10));
    if (harness.Take<Hello>().empty()) continue;
    asked.push_back(harness.now());
    harness.Deliver(Refusal{.code = Refusal::Code::kBusy, .reason = "busy"});
  }
  ASSERT_GT(asked.size(), 5u);
  EXPECT_LT(asked.size(), 20u);
  EXPECT_LT(asked[1] - asked[0], seconds(1));
  EXPECT_LE(asked.back() - asked[asked.size() - 2], seconds(20));
}

TEST(AgentCoreSessionTest, ARefusedVersionEndsTheAgentWithTheReason) {
  Harness harness;
  harness.core().OnConnected(harness.now());
  harness.Turn();
  harness.Deliver(
      Refusal{.code = Refusal::Code::kVersion, .reason = "speak 7 to 9"});
  ASSERT_TRUE(harness.ended().has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(*harness.ended()));
  EXPECT_EQ(std::string(harness.ended()->message()),
            "the coordinator refuses this agent: speak 7 to 9");
}

TEST(AgentCoreSessionTest, FencedWorkStopsAndIsNotReported) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 4)});
  harness.core().OnDisconnected(harness.now());
  harness.core().OnConnected(harness.now());
  harness.Turn();
  const FencedRange gone = {.job = {1}, .tasks = {1, 2}, .fence = {1}};
  harness.Deliver(Welcome{.term = {1},
                          .lease = seconds(30),
                          .heartbeat_interval = seconds(2),
                          .fenced = {gone}});
  harness.Turn();
  using Request = ScriptedExecutor::CancelRequest;
  EXPECT_EQ(harness.executor().cancels(),
            (std::vector<Request>{{Harness::Id(1, 1), CancelMode::kAsk}}));
  // Task 2 was waiting and is skipped; 3 takes the slot.
  EXPECT_EQ(harness.executor().running(),
            (std::vector<AttemptId>{Harness::Id(1, 0), Harness::Id(1, 3)}));
  harness.executor().EndAll();
  harness.Turn();
  uint64_t reported = 0;
  for (const EndingRun& run : harness.TakeRunsAndAck()) {
    reported += run.tasks.count;
  }
  EXPECT_EQ(reported, 2u);
  EXPECT_EQ(harness.core().gauges(harness.now()).held, 0u);
}

TEST(AgentCoreSessionTest, WithoutRenewalTheAgentStopsBeforeTheLeaseEnds) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 4)});
  harness.executor().End(Harness::Id(1, 0), {});
  harness.Turn();
  harness.core().OnDisconnected(harness.now());
  harness.Advance(seconds(28));
  EXPECT_TRUE(harness.executor().cancels().empty());
  // 30 s x 0.99 - 1 s of grace.
  harness.Advance(milliseconds(700));
  EXPECT_EQ(harness.executor().cancels().size(), 2u);
  EXPECT_EQ(harness.core().counters().self_fences, 1u);
  EXPECT_EQ(harness.core().gauges(harness.now()).executors[0].waiting, 0u);
  harness.executor().EndAll();
  harness.Turn();
  // Held until the coordinator, which may count them as this agent's, knows.
  harness.Register();
  const FencedRange all = {.job = {1}, .tasks = {0, 4}, .fence = {1}};
  EXPECT_EQ(harness.Take<Hello>().back().held, std::vector<FencedRange>{all});
  harness.TakeRunsAndAck();
  harness.Turn();
  harness.TakeRunsAndAck();
  EXPECT_EQ(harness.core().gauges(harness.now()).held, 0u);
}

// A process that was stopped for a while keeps its session, and so does the
// coordinator: what the agent gave up must still be told.
TEST(AgentCoreSessionTest, WhatWasGivenUpIsToldInTheSameSession) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 3)});
  harness.Take<Hello>();
  harness.Sleep(milliseconds(28'900));
  for (const AttemptId& id : harness.executor().running()) {
    harness.executor().End(id, {.ending = Ending::kCancelled});
  }
  harness.Turn();
  EXPECT_TRUE(harness.Take<Hello>().empty());
  std::map<TaskIndex, EndingRun> told;
  for (int i = 0; i < 3; ++i) {
    for (const EndingRun& run : harness.TakeRunsAndAck()) {
      for (uint64_t k = 0; k < run.tasks.count; ++k) {
        told[run.tasks.first + k] = run;
      }
    }
    harness.Turn();
  }
  ASSERT_EQ(told.size(), 3u);
  EXPECT_TRUE(told[0].started);
  EXPECT_EQ(told[0].ending, Ending::kEvicted);
  EXPECT_TRUE(told[1].started);
  EXPECT_FALSE(told[2].started);
  EXPECT_EQ(harness.core().gauges(harness.now()).held, 0u);
}

TEST(AgentCoreSessionTest, AGrantReadAfterTheLeaseWaitsForItsRenewal) {
  Harness harness;
  harness.Register();
  harness.Sleep(milliseconds(28'900));
  const uint64_t sequence = harness.Take<Heartbeat>().back().sequence;
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 2)});
  harness.Turn();
  EXPECT_TRUE(harness.executor().running().empty());
  harness.Deliver(HeartbeatAck{.sequence = sequence});
  harness.Turn();
  EXPECT_EQ(harness.executor().running().size(), 2u);
}

TEST(AgentCoreSessionTest, AnAckedHeartbeatRenewsFromItsSending) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 1)});
  harness.Advance(seconds(4));
  const uint64_t sequence = harness.Take<Heartbeat>().back().sequence;
  harness.Advance(seconds(1));
  harness.Deliver(HeartbeatAck{.sequence = sequence});
  EXPECT_EQ(harness.core().gauges(harness.now()).lease_margin,
            milliseconds(29'700 - 1'000 - 1'000));
}

TEST(AgentCoreSessionTest, LeavesACoordinatorWithAnotherHistory) {
  for (const Welcome& other :
       {Welcome{.term = {3}, .generation = "b"},     // a new folder
        Welcome{.term = {2}, .generation = "a"}}) {  // an older copy
    Harness harness;
    harness.core().OnConnected(harness.now());
    harness.Turn();
    harness.Deliver(
        Welcome{.term = {3}, .lease = seconds(30), .generation = "a"});
    harness.Turn();
    harness.core().OnDisconnected(harness.now());
    harness.core().OnConnected(harness.now());
    harness.Turn();
    EXPECT_FALSE(harness.ended().has_value());
    harness.Deliver(other);
    harness.Turn();
    ASSERT_TRUE(harness.ended().has_value());
    EXPECT_TRUE(absl::IsFailedPrecondition(*harness.ended()));
  }
}

TEST(AgentCoreSessionTest, AJobIsWhatTheSessionSaysItIs) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10, seconds(5))},
                {Harness::Range(1, 0, 1)});
  harness.core().OnDisconnected(harness.now());
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10, seconds(7))},
                {Harness::Range(1, 1, 1)});
  ASSERT_EQ(harness.executor().started().size(), 2u);
  EXPECT_EQ(harness.executor().started()[1].work->job.timeout, seconds(7));
}

TEST(AgentCoreSessionTest, SilenceLeadsToAnotherHello) {
  Harness harness;
  harness.Register();
  harness.Take<Hello>();
  harness.Advance(seconds(11));
  EXPECT_GE(harness.Take<Hello>().size(), 1u);
}

// The task that the newest news of a beginning names.
std::optional<TaskIndex> LastBegunOf(const std::vector<Heartbeat>& heartbeats) {
  if (heartbeats.empty() || heartbeats.back().begun.empty()) {
    return std::nullopt;
  }
  return heartbeats.back().begun[0].attempt.task;
}

TEST(AgentCoreSessionTest, TellsOfBeginningsAtOnceAndThenInGroups) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  EXPECT_EQ(LastBegunOf(harness.Take<Heartbeat>()), std::nullopt);
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 8)});
  EXPECT_EQ(LastBegunOf(harness.Take<Heartbeat>()), 1u);
  // A result that leaves at once brings the news with it.
  harness.executor().End(Harness::Id(1, 0), {});
  harness.Turn();
  const std::vector<Results> results = harness.Take<Results>();
  ASSERT_EQ(results.size(), 1u);
  ASSERT_EQ(results[0].begun.size(), 1u);
  EXPECT_EQ(results[0].begun[0].attempt, Harness::Id(1, 2));
  EXPECT_TRUE(harness.Take<Heartbeat>().empty());
  // One that waits for an ack does not.
  harness.executor().End(Harness::Id(1, 1), {});
  harness.Turn();
  harness.executor().End(Harness::Id(1, 2), {});
  harness.Turn();
  EXPECT_TRUE(harness.Take<Heartbeat>().empty());
  harness.Advance(AgentLimits{}.begun_pause);
  EXPECT_EQ(LastBegunOf(harness.Take<Heartbeat>()), 4u);
  // Nothing more began, and nothing more is said.
  harness.Advance(AgentLimits{}.begun_pause * 3);
  EXPECT_TRUE(harness.Take<Heartbeat>().empty());
}

TEST(AgentCoreSessionTest, WhatWasHandedBackDoesNotSeemToHaveBegun) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10), Harness::RangeJob(2, 10)},
                {Harness::Range(1, 0, 4), Harness::Range(2, 0, 4)});
  harness.Take<Heartbeat>();
  harness.Deliver(StopTasks{.items = {{.job = {1}, .whole_job = true}}});
  harness.Advance(seconds(3));
  // Tasks of the second job run, behind two that never will.
  EXPECT_TRUE(harness.core().gauges(harness.now()).executors[0].running == 2);
  EXPECT_EQ(LastBegunOf(harness.Take<Heartbeat>()), std::nullopt);
  harness.core().OnDisconnected(harness.now());
  harness.Take<Hello>();
  harness.Register();
  const std::vector<Hello> hellos = harness.Take<Hello>();
  ASSERT_EQ(hellos.size(), 1u);
  const std::vector<FencedRange> not_begun = {
      {.job = {2}, .tasks = {2, 2}, .fence = {1}},
      {.job = {1}, .tasks = {2, 2}, .fence = {1}}};
  EXPECT_EQ(hellos[0].waiting, not_begun);
  harness.AckAll();
  harness.Turn();
  harness.Advance(seconds(3));
  EXPECT_EQ(LastBegunOf(harness.Take<Heartbeat>()), 1u);
}

TEST(AgentCoreSessionTest, WhatAnExecutorHoldsBehindItsSlotsHasNotBegun) {
  Harness harness({{ExecutorKind::kAsync, 2}}, /*line_max=*/4);
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 8)});
  EXPECT_EQ(harness.executor().waiting().size(), 4u);
  EXPECT_EQ(LastBegunOf(harness.Take<Heartbeat>()), 1u);
  harness.core().OnDisconnected(harness.now());
  harness.Take<Hello>();
  harness.Register();
  const std::vector<Hello> hellos = harness.Take<Hello>();
  ASSERT_EQ(hellos.size(), 1u);
  const std::vector<FencedRange> not_begun = {
      {.job = {1}, .tasks = {2, 4}, .fence = {1}},
      {.job = {1}, .tasks = {6, 2}, .fence = {1}}};
  EXPECT_EQ(hellos[0].waiting, not_begun);
  harness.executor().End(Harness::Id(1, 0), {});
  harness.Turn();
  const std::vector<Results> results = harness.Take<Results>();
  ASSERT_EQ(results.size(), 1u);
  ASSERT_EQ(results[0].begun.size(), 1u);
  EXPECT_EQ(results[0].begun[0].attempt, Harness::Id(1, 2));
}

TEST(AgentCoreSessionTest, WhatIsStoppedInAnExecutorsLineNeverStarted) {
  Harness harness({{ExecutorKind::kAsync, 2}}, /*line_max=*/4);
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 5)});
  const auto& counted = harness.core().counters().executors[0];
  EXPECT_EQ(counted.started, 5u);
  harness.Deliver(StopTasks{.items = {{.job = {1}, .whole_job = true}}});
  harness.Advance(seconds(3));
  harness.AckAll();
  harness.Advance(seconds(3));
  // What was counted stays so, as a metric never falls.
  EXPECT_EQ(counted.started, 5u);
  EXPECT_EQ(counted.not_started, 3u);
  uint64_t started = 0;
  uint64_t not_started = 0;
  for (const Results& results : harness.Take<Results>()) {
    for (const EndedBatch& batch : results.batches) {
      for (const EndingRun& run : batch.runs) {
        EXPECT_EQ(run.ending, Ending::kCancelled);
        (run.started ? started : not_started) += run.tasks.count;
      }
    }
  }
  EXPECT_EQ(started, 2u);
  EXPECT_EQ(not_started, 3u);
}

TEST(AgentCoreSessionTest, ComparesTheClocks) {
  Harness harness;
  harness.Register();
  harness.Turn();
  const uint64_t sequence = harness.Take<Heartbeat>().back().sequence;
  harness.Sleep(milliseconds(200));
  // It was taken half way: the harness's wall clock is an hour ahead of the
  // time that passes.
  const WallTime half_way = WallTime(std::chrono::hours(1)) +
                            harness.now().time_since_epoch() -
                            milliseconds(100);
  AgentCore& core = harness.core();
  core.OnMessage({.monotonic = harness.now(),
                  .wall = half_way + milliseconds(100) + seconds(7)},
                 HeartbeatAck{.sequence = sequence, .at = half_way});
  const AgentOutput output = core.TakeOutput(harness.now(), {});
  EXPECT_EQ(output.heartbeat_round_trip, milliseconds(200));
  EXPECT_EQ(output.clock_offset, seconds(7));
}

}  // namespace
}  // namespace remuda

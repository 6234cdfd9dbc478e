#include <gtest/gtest.h>

#include <vector>

#include "absl/status/status.h"
#include "agent/core/agent_core.h"
#include "agent/core/agent_core_harness.h"

namespace remuda {
namespace {

using std::chrono::seconds;
using Harness = AgentCoreHarness;

TEST(AgentCoreDrainTest, WaitingWorkGoesBackAndRunningWorkMayEnd) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 6)});
  harness.Take<Heartbeat>();
  harness.core().OnDrain(harness.now(), harness.now() + seconds(60));
  harness.Turn();
  const std::vector<Heartbeat> heartbeats = harness.Take<Heartbeat>();
  ASSERT_EQ(heartbeats.size(), 1u);
  EXPECT_TRUE(heartbeats[0].draining);
  EXPECT_EQ(heartbeats[0].credits[0].tasks, 0u);
  const std::vector<EndingRun> back = harness.TakeRunsAndAck();
  const EndingRun expected = {.tasks = {2, 4},
                              .fence = {1},
                              .ending = Ending::kEvicted,
                              .started = false};
  EXPECT_EQ(back, std::vector<EndingRun>{expected});
  EXPECT_FALSE(harness.ended().has_value());

  harness.executor().EndAll();
  harness.Turn();
  EXPECT_FALSE(harness.ended().has_value());  // the ack is still to come
  const std::vector<EndingRun> ended = harness.TakeRunsAndAck();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].ending, Ending::kSucceeded);
  ASSERT_TRUE(harness.ended().has_value());
  EXPECT_TRUE(harness.ended()->ok());
  EXPECT_EQ(harness.goodbyes().size(), 1u);
}

TEST(AgentCoreDrainTest, AtTheDeadlineWhatStillRunsIsEvicted) {
  Harness harness;
  harness.acks_heartbeats = true;
  harness.executor().SetScript([](const Attempt&) {
    return ScriptedExecutor::Plan{.heeds_ask = false};
  });
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 2)});
  harness.core().OnDrain(harness.now(), harness.now() + seconds(10));
  harness.Advance(seconds(9));
  EXPECT_EQ(harness.executor().cancels().size(), 2u);
  harness.Advance(seconds(1));
  EXPECT_EQ(harness.executor().running().size(), 0u);
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].ending, Ending::kEvicted);
  EXPECT_EQ(runs[0].tasks.count, 2u);
  EXPECT_TRUE(harness.ended().has_value());
}

TEST(AgentCoreDrainTest, GrantsThatCrossTheDrainGoBack) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 1)});
  harness.core().OnDrain(harness.now(), harness.now() + seconds(10));
  harness.Turn();
  harness.Grant({}, {Harness::Range(1, 5, 2)});
  EXPECT_EQ(harness.executor().running().size(), 1u);
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_FALSE(runs[0].started);
}

TEST(AgentCoreDrainTest, WithoutACoordinatorItEndsAfterTheFlushTime) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10)}, {Harness::Range(1, 0, 1)});
  harness.core().OnDisconnected(harness.now());
  harness.core().OnDrain(harness.now(), harness.now() + seconds(5));
  harness.Advance(seconds(14));
  EXPECT_FALSE(harness.ended().has_value());
  harness.Advance(seconds(2));
  ASSERT_TRUE(harness.ended().has_value());
  EXPECT_TRUE(harness.ended()->ok());
  EXPECT_TRUE(harness.goodbyes().empty());
}

TEST(AgentCoreDrainTest, AnIdleAgentLeavesAtOnce) {
  Harness harness;
  harness.Register();
  harness.core().OnDrain(harness.now(), harness.now() + seconds(600));
  harness.Turn();
  EXPECT_TRUE(harness.ended().has_value());
}

}  // namespace
}  // namespace remuda

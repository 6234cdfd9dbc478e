// How much work an agent asks for, and what it gives back unbegun.
#include <gtest/gtest.h>

#include "agent/core/agent_core.h"
#include "agent/core/agent_core_harness.h"
#include "jobs/job_json.h"
#include "jobs/work_key.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Harness = AgentCoreHarness;

// A job of other work than RangeJob's.
JobDefinition OtherJob(uint64_t id, uint64_t count) {
  JobDefinition definition = Harness::RangeJob(id, count);
  Job job = *JobFromJson(definition.job_json);
  job.type = "sleep";
  definition.job_json = JobToJson(job);
  return definition;
}

// From now on each task takes so long.
void RunFor(Harness& harness, Duration duration) {
  harness.executor().SetScript([duration](const Attempt&) {
    ScriptedExecutor::Plan plan;
    plan.runs_for = duration;
    plan.outcome.wall = duration;
    return plan;
  });
}

// Job 1 has run tasks of a millisecond for a while; confirmed, all told.
void LearnThatJobOneIsShort(Harness& harness, uint64_t tasks) {
  harness.acks_heartbeats = true;
  RunFor(harness, milliseconds(1));
  harness.Grant({Harness::RangeJob(1, 1'000'000)},
                {Harness::Range(1, 0, tasks)});
  for (int i = 0; i < 1'000; ++i) {
    harness.Advance(milliseconds(10));
    harness.AckAll();
    if (harness.core().gauges(harness.now()).held == 0) break;
  }
  ASSERT_EQ(harness.core().gauges(harness.now()).held, 0u);
}

uint64_t BacklogOfLast(Harness& harness) {
  const std::vector<Heartbeat> beats = harness.Take<Heartbeat>();
  if (beats.empty() || beats.back().backlogs.empty()) return 0;
  return beats.back().backlogs[0].tasks;
}

TEST(AgentCoreBacklogTest, SaysWhatWorkIsShort) {
  Harness harness;
  harness.Register();
  EXPECT_TRUE(harness.Take<Hello>().back().says_backlogs);
  EXPECT_EQ(BacklogOfLast(harness), 0u);
  LearnThatJobOneIsShort(harness, 400);
  const std::vector<Heartbeat> beats = harness.Take<Heartbeat>();
  ASSERT_FALSE(beats.empty());
  ASSERT_EQ(beats.back().backlogs.size(), 1u);
  EXPECT_EQ(beats.back().backlogs[0].work,
            WorkKeyOf(*JobFromJson(Harness::RangeJob(1, 1).job_json)));
  EXPECT_EQ(beats.back().credits[0].tasks, 4 + beats.back().backlogs[0].tasks);
}

TEST(AgentCoreBacklogTest, EndsOfShortWorkLeaveTogetherWhileMoreOfItWaits) {
  Harness harness;
  harness.Register();
  LearnThatJobOneIsShort(harness, 400);
  harness.TakeRunsAndAck();
  harness.Grant({}, {Harness::Range(1, 1'000, 100)});
  // Four a millisecond, which are confirmed at once when they have left.
  size_t messages = 0;
  for (int i = 0; i < 20; ++i) {
    harness.Advance(milliseconds(1));
    messages += harness.Take<Results>().size();
    harness.AckAll();
  }
  EXPECT_LE(harness.core().gauges(harness.now()).held, 60u);
  EXPECT_GE(messages, 2u);
  EXPECT_LE(messages, 3u);
  // When none waits for a slot, each of the last ones leaves as it ends.
  harness.Advance(milliseconds(4));
  harness.AckAll();
  harness.Advance(milliseconds(1));
  harness.AckAll();
  EXPECT_EQ(harness.core().gauges(harness.now()).held, 0u);
}

TEST(AgentCoreBacklogTest, TheEndOfALoneTaskLeavesAtOnce) {
  Harness harness;
  harness.Register();
  LearnThatJobOneIsShort(harness, 400);
  harness.TakeRunsAndAck();
  for (uint64_t task = 0; task < 3; ++task) {
    harness.Grant({}, {Harness::Range(1, 1'000 + task, 1)});
    harness.Advance(milliseconds(1));
    EXPECT_EQ(harness.TakeRunsAndAck().size(), 1u);
  }
}

TEST(AgentCoreBacklogTest, UnknownWorkOnAllSlotsTakesTheCreditBackAtOnce) {
  Harness harness;
  harness.Register();
  LearnThatJobOneIsShort(harness, 400);
  harness.Take<Heartbeat>();
  RunFor(harness, seconds(100));
  harness.Grant({OtherJob(2, 100)}, {Harness::Range(2, 0, 4)});
  const std::vector<Heartbeat> beats = harness.Take<Heartbeat>();
  ASSERT_FALSE(beats.empty());
  EXPECT_EQ(beats.back().credits[0].tasks, 4u);
}

// The same work, whose tasks have become long: what waits for two seconds is
// more than the executor gets done.
TEST(AgentCoreBacklogTest, GivesBackWhatItDoesNotGetDone) {
  Harness harness;
  harness.Register();
  LearnThatJobOneIsShort(harness, 400);
  harness.TakeRunsAndAck();
  RunFor(harness, seconds(100));
  harness.Grant({}, {Harness::Range(1, 1'000, 150)});
  harness.Advance(milliseconds(1'900));
  EXPECT_TRUE(harness.TakeRuns().empty());
  harness.Take<Heartbeat>();
  harness.Advance(milliseconds(200));
  // Four run, four wait for the next free slots.
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  uint64_t returned = 0;
  for (const EndingRun& run : runs) {
    EXPECT_FALSE(run.started);
    EXPECT_EQ(run.ending, Ending::kEvicted);
    EXPECT_GE(run.tasks.first, 1'008u);
    returned += run.tasks.count;
  }
  EXPECT_EQ(returned, 142u);
  EXPECT_EQ(harness.core().counters().executors[0].shed, 142u);
  const std::vector<Heartbeat> beats = harness.Take<Heartbeat>();
  ASSERT_FALSE(beats.empty());
  EXPECT_EQ(beats.back().credits[0].tasks, 4u);
  EXPECT_TRUE(beats.back().backlogs.empty());
  // Nothing more as long as only these wait.
  harness.Advance(seconds(20));
  EXPECT_TRUE(harness.TakeRuns().empty());
  EXPECT_EQ(harness.core().gauges(harness.now()).held, 8u);
}

TEST(AgentCoreBacklogTest, NothingGoesBackThatNobodyWouldHear) {
  Harness harness;
  harness.Register();
  RunFor(harness, seconds(100));
  harness.Grant({Harness::RangeJob(1, 100)}, {Harness::Range(1, 0, 50)});
  harness.core().OnDisconnected(harness.now());
  harness.Advance(seconds(5));
  EXPECT_EQ(harness.core().counters().executors[0].shed, 0u);
}

TEST(AgentCoreBacklogTest, GivesBackWhatIsRetractedUnlessItHasBegun) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 100)}, {Harness::Range(1, 0, 50)});
  harness.Deliver(StopTasks{
      .reason = StopTasks::Reason::kRetracted,
      .items = {
          {.job = {1}, .whole_job = false, .tasks = {{2, 10}, {40, 1'000}}}}});
  EXPECT_EQ(harness.executor().running().size(), 4u);
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].tasks, (IndexRange{4, 8}));
  EXPECT_EQ(runs[1].tasks, (IndexRange{40, 10}));
  EXPECT_FALSE(runs[0].started);
  EXPECT_EQ(harness.core().counters().executors[0].retracted, 18u);
  EXPECT_EQ(harness.core().gauges(harness.now()).held, 32u);
  // Asked twice, it has nothing more of it.
  harness.Deliver(StopTasks{
      .reason = StopTasks::Reason::kRetracted,
      .items = {{.job = {1}, .whole_job = false, .tasks = {{2, 10}}}}});
  EXPECT_TRUE(harness.TakeRuns().empty());
}

TEST(AgentCoreBacklogTest, WhatWasRetractedIsUnknownFromThenOn) {
  Harness harness;
  harness.Register();
  LearnThatJobOneIsShort(harness, 400);
  harness.Take<Heartbeat>();
  RunFor(harness, seconds(100));
  harness.Grant({}, {Harness::Range(1, 1'000, 50)});
  harness.Deliver(
      StopTasks{.reason = StopTasks::Reason::kRetracted,
                .items = {{.job = {1}, .whole_job = true, .tasks = {}}}});
  const std::vector<Heartbeat> beats = harness.Take<Heartbeat>();
  ASSERT_FALSE(beats.empty());
  EXPECT_EQ(beats.back().credits[0].tasks, 4u);
  EXPECT_TRUE(beats.back().backlogs.empty());
}

}  // namespace
}  // namespace remuda

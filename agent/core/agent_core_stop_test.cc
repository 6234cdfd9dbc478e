#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/core/agent_core.h"
#include "agent/core/agent_core_harness.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Harness = AgentCoreHarness;
using Request = ScriptedExecutor::CancelRequest;

StopTasks CancelOfJob(uint64_t job) {
  return {.reason = StopTasks::Reason::kCancelled,
          .items = {{.job = {job}, .whole_job = true, .tasks = {}}}};
}

TEST(AgentCoreStopTest, ATimeoutAsksThenForces) {
  Harness harness;
  harness.executor().SetScript([](const Attempt&) {
    return ScriptedExecutor::Plan{.heeds_ask = false};
  });
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1, seconds(3))},
                {Harness::Range(1, 0, 1)});
  harness.Advance(milliseconds(2'999));
  EXPECT_TRUE(harness.executor().cancels().empty());
  harness.Advance(milliseconds(1));
  EXPECT_EQ(harness.executor().cancels(),
            (std::vector<Request>{{Harness::Id(1, 0), CancelMode::kAsk}}));
  harness.Advance(milliseconds(999));
  EXPECT_EQ(harness.executor().cancels().size(), 1u);
  harness.Advance(milliseconds(1));
  EXPECT_EQ(harness.executor().cancels().back(),
            (Request{Harness::Id(1, 0), CancelMode::kForce}));
  const std::vector<Results> sent = harness.Take<Results>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].batches[0].runs[0].ending, Ending::kTimeout);
  EXPECT_EQ(Harness::RecordsOf(sent[0])[0].error,
            "stopped after its timeout of 3 s; it did not heed that and was "
            "killed");
}

TEST(AgentCoreStopTest, WhatEndedInTimeIsNotATimeout) {
  Harness harness;
  harness.executor().SetScript([](const Attempt&) {
    return ScriptedExecutor::Plan{.heeds_ask = false};
  });
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 2, seconds(3))},
                {Harness::Range(1, 0, 2)});
  harness.Advance(seconds(3));
  // Both are asked; one had just ended by itself, the other ends in spite of
  // it.
  harness.executor().End(Harness::Id(1, 0), {});
  harness.Advance(milliseconds(10));
  harness.executor().End(Harness::Id(1, 1), {});
  harness.Turn();
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].ending, Ending::kSucceeded);
  EXPECT_EQ(runs[1].ending, Ending::kTimeout);
}

TEST(AgentCoreStopTest, TimeBeginsWhenASlotIsFree) {
  // The executor takes more than it runs; a task with a timeout must not wait
  // inside it.
  RunningAttempts running;
  WaitingWork waiting;
  auto work = std::make_shared<JobWork>();
  work->id = {1};
  work->job.timeout = seconds(1);
  work->job.tasks.kind = TaskSource::Kind::kRange;
  work->job.tasks.to = 99;
  waiting.Push({.work = work, .tasks = {0, 10}, .fence = {1}});
  EXPECT_EQ(waiting.Take({.attempts = 8, .slots = 3}).attempts.size(), 3u);
  EXPECT_EQ(waiting.Take({.attempts = 5, .slots = 0}).attempts.size(), 0u);
}

TEST(AgentCoreStopTest, ACancelStopsWhatRunsAndReportsWhatWaits) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 5000), Harness::RangeJob(2, 1)},
                {Harness::Range(1, 0, 5000), Harness::Range(2, 0, 1)});
  harness.Deliver(CancelOfJob(1));
  // Repeated, as a coordinator does until all has ended.
  harness.Deliver(CancelOfJob(1));
  harness.Turn();
  uint64_t not_started = 0;
  uint64_t stopped = 0;
  for (const EndingRun& run : harness.TakeRunsAndAck()) {
    EXPECT_EQ(run.ending, Ending::kCancelled);
    (run.started ? stopped : not_started) += run.tasks.count;
  }
  EXPECT_EQ(stopped, 2u);
  EXPECT_EQ(not_started, 4998u);
  EXPECT_EQ(harness.executor().cancels().size(), 2u);
  EXPECT_EQ(harness.executor().running(),
            std::vector<AttemptId>{Harness::Id(2, 0)});
}

TEST(AgentCoreStopTest, ASuccessThatCrossedTheCancelStaysOne) {
  Harness harness;
  harness.executor().SetScript([](const Attempt&) {
    return ScriptedExecutor::Plan{.heeds_ask = false};
  });
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.Deliver(CancelOfJob(1));
  harness.executor().End(Harness::Id(1, 0), {});
  harness.Turn();
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].ending, Ending::kSucceeded);
}

TEST(AgentCoreStopTest, SomeTasksOfAListCanBeStopped) {
  Harness harness({{ExecutorKind::kAsync, 1}});
  harness.Register();
  GrantedRange range = Harness::Range(1, 0, 6);
  range.items = "0\n1\n2\n3\n4\n5\n";
  harness.Grant({Harness::ListJob(1, 6)}, {range});
  harness.Deliver(StopTasks{
      .reason = StopTasks::Reason::kFenced,
      .items = {{.job = {1}, .whole_job = false, .tasks = {{2, 2}}}}});
  for (int i = 0; i < 6; ++i) {
    harness.executor().EndAll();
    harness.Turn();
  }
  std::vector<std::string> items;
  for (const Attempt& attempt : harness.executor().started()) {
    items.push_back(attempt.item);
  }
  EXPECT_EQ(items, (std::vector<std::string>{"0", "1", "4", "5"}));
}

TEST(AgentCoreStopTest, AnExecutorThatStopsUnaskedEvicts) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.executor().End(Harness::Id(1, 0), {.ending = Ending::kCancelled});
  harness.Turn();
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].ending, Ending::kEvicted);
  EXPECT_TRUE(runs[0].started);
}

TEST(AgentCoreStopTest, AnAttemptIsNotStartedTwiceWhileItStillStops) {
  Harness harness;
  harness.executor().SetScript([](const Attempt&) {
    return ScriptedExecutor::Plan{.heeds_ask = false};
  });
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.Deliver(
      StopTasks{.reason = StopTasks::Reason::kFenced,
                .items = {{.job = {1}, .whole_job = true, .tasks = {}}}});
  harness.Grant({}, {Harness::Range(1, 0, 1)});
  EXPECT_EQ(harness.executor().started().size(), 1u);
  const std::vector<EndingRun> runs = harness.TakeRunsAndAck();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_FALSE(runs[0].started);
}

}  // namespace
}  // namespace remuda

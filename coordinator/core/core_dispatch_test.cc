#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "coordinator/core/core_driver.h"

namespace remuda {
namespace {

TEST(DispatchTest, GrantsRunAndFinishAJob) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(100);
  const JobId job = driver.SubmitOne(NoopJob(10));
  ASSERT_EQ(agent.granted_tasks(), 10u);
  EXPECT_EQ(agent.granted().size(), 1u);
  EXPECT_EQ(agent.granted()[0].fence, Fence{1});
  EXPECT_EQ(driver.Summary(job).state, JobState::kRunning);
  agent.SucceedAll();
  EXPECT_EQ(driver.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver.Count(job, TaskState::kSucceeded), 10u);
  EXPECT_EQ(driver.Summary(job).attempts, 10u);
  EXPECT_TRUE(driver.Summary(job).finished_at.has_value());
  EXPECT_EQ(agent.acked(), 1u);
  EXPECT_TRUE(driver.core().live_jobs().empty());
  EXPECT_TRUE(driver.store().violations().empty());
}

TEST(DispatchTest, FirstGrantsRideInTheSubmissionsOutput) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(100);
  std::vector<JobToAccept> jobs;
  jobs.push_back(NoopJob(1));
  driver.core().OnSubmit(driver.now(), Peer{77}, 1, "k", std::move(jobs),
                         std::nullopt);
  const Output output = driver.Turn();
  ASSERT_EQ(output.events.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<JobAccepted>(output.events[0]));
  EXPECT_TRUE(std::holds_alternative<TasksGranted>(output.events[1]));
  EXPECT_EQ(output.summaries.size(), 1u);
  EXPECT_TRUE(output.at_once.empty());
}

TEST(DispatchTest, AWideTaskGoesOnlyWhereItFits) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");  // two slots on its process pool
  agent.SayHello();
  agent.Beat(100, ExecutorKind::kProcessPool);
  const auto submit = [&](uint32_t cpu) {
    JobToAccept job = NoopJob(3, "wide-" + std::to_string(cpu));
    Edit(job).resources.cpu = cpu;
    job.executor = ExecutorKind::kProcessPool;
    return driver.SubmitOne(std::move(job));
  };
  const JobId wider = submit(3);
  EXPECT_EQ(agent.granted_tasks(), 0u);
  EXPECT_EQ(driver.Summary(wider).slots_each, 3u);
  const JobId fitting = submit(2);
  EXPECT_EQ(agent.granted_tasks(), 3u);
  agent.SucceedAll();
  EXPECT_EQ(driver.Summary(fitting).state, JobState::kSucceeded);
  EXPECT_EQ(driver.Summary(wider).state, JobState::kQueued);
  // Jobs of one type on one executor are counted together.
  EXPECT_EQ(driver.core().counters().classes.size(), 1u);
}

TEST(DispatchTest, AWholeJobIsAFewRowsAndMessages) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(65'536);
  const JobId job = driver.SubmitOne(NoopJob(100'000));
  EXPECT_EQ(agent.granted_tasks(), 65'536u);
  // Messages of at most grant_tasks_max tasks, a range each.
  EXPECT_EQ(agent.granted().size(), 4u);
  agent.SucceedAll();
  agent.SucceedAll();
  EXPECT_EQ(driver.Summary(job).state, JobState::kSucceeded);
  // Every chunk was written once.
  EXPECT_EQ(driver.store().chunk_writes().size(), 98u);
}

TEST(DispatchTest, HigherPriorityFirstThenOrderOfAcceptance) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  const JobId first = driver.SubmitOne(NoopJob(5, "first"));
  const JobId second = driver.SubmitOne(NoopJob(5, "second"));
  JobToAccept urgent = NoopJob(5, "urgent");
  Edit(urgent).priority = 7;
  const JobId third = driver.SubmitOne(std::move(urgent));
  agent.Beat(12);
  ASSERT_EQ(agent.granted().size(), 3u);
  EXPECT_EQ(agent.granted()[0].job, third);
  EXPECT_EQ(agent.granted()[1].job, first);
  EXPECT_EQ(agent.granted()[2].job, second);
  EXPECT_EQ(agent.granted()[2].tasks.count, 2u);
}

TEST(DispatchTest, AJobAtItsCapLetsOthersPass) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(100);
  JobToAccept capped = NoopJob(50, "capped");
  Edit(capped).concurrency = 3;
  const JobId first = driver.SubmitOne(std::move(capped));
  EXPECT_EQ(agent.granted_tasks(), 3u);
  driver.SubmitOne(NoopJob(4, "other"));
  EXPECT_EQ(agent.granted_tasks(), 7u);
  agent.End(first, {.first = 1, .count = 1}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver.Count(first, TaskState::kRunning), 3u);
}

TEST(DispatchTest, OnlyAgentsThatCanRunTheTypeGetIt) {
  CoreDriver driver;
  ScriptedAgent wrong_type(driver, "a", {"command"});
  ScriptedAgent wrong_executor(driver, "b");
  wrong_type.SayHello();
  wrong_type.Beat(100);
  wrong_executor.SayHello();
  wrong_executor.Beat(100, ExecutorKind::kProcessPool);
  driver.SubmitOne(NoopJob(5));
  EXPECT_EQ(wrong_type.granted_tasks(), 0u);
  EXPECT_EQ(wrong_executor.granted_tasks(), 0u);
  ScriptedAgent right(driver, "c", {"zzz", "noop"});
  right.SayHello();
  right.Beat(100);
  EXPECT_EQ(right.granted_tasks(), 5u);
}

TEST(DispatchTest, ASmallJobIsSpreadOverFreeAgents) {
  CoreDriver driver;
  ScriptedAgent a(driver, "a");
  ScriptedAgent b(driver, "b");
  ScriptedAgent c(driver, "c");
  for (ScriptedAgent* agent : {&a, &b, &c}) {
    agent->SayHello();
    agent->Beat(100);
  }
  driver.SubmitOne(NoopJob(10));
  EXPECT_LE(a.granted_tasks(), 4u);
  EXPECT_LE(b.granted_tasks(), 4u);
  EXPECT_LE(c.granted_tasks(), 4u);
  EXPECT_EQ(a.granted_tasks() + b.granted_tasks() + c.granted_tasks(), 10u);
}

TEST(DispatchTest, ALargeJobIsCutWhereChunksEnd) {
  CoreDriver driver;
  ScriptedAgent a(driver, "a");
  ScriptedAgent b(driver, "b");
  for (ScriptedAgent* agent : {&a, &b}) {
    agent->SayHello();
    agent->Beat(50'000);
  }
  driver.SubmitOne(NoopJob(10'000));
  for (const ScriptedAgent* agent : {&a, &b}) {
    EXPECT_LE(agent->granted_tasks(), 5'120u);
    for (const GrantedRange& range : agent->granted()) {
      EXPECT_EQ(range.tasks.first % kTasksPerChunk, 0u);
    }
  }
  EXPECT_EQ(a.granted_tasks() + b.granted_tasks(), 10'000u);
}

TEST(DispatchTest, CreditIsNeverExceeded) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(7);
  const JobId job = driver.SubmitOne(NoopJob(100));
  EXPECT_EQ(agent.granted_tasks(), 7u);
  agent.End(job, {.first = 0, .count = 3}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver.Count(job, TaskState::kRunning), 7u);
  agent.Beat(2);
  agent.End(job, {.first = 3, .count = 3}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver.Count(job, TaskState::kRunning), 4u);
}

TEST(DispatchTest, ItemsOfAListKeepAMessageSmall) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  JobToAccept job = NoopJob(1'000);
  job.item_bytes_max = 64u << 10;
  driver.SubmitOne(std::move(job));
  agent.ClearHeard();
  agent.Beat(100);
  EXPECT_EQ(agent.granted_tasks(), 100u);
  for (const CoordinatorMessage& message : agent.heard()) {
    const auto* grant = std::get_if<Grant>(&message);
    if (grant == nullptr) continue;
    uint64_t tasks = 0;
    for (const GrantedRange& range : grant->ranges) tasks += range.tasks.count;
    EXPECT_LE(tasks, 8u);
  }
}

TEST(DispatchTest, AJobIsDefinedOncePerSession) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(1);
  driver.SubmitOne(NoopJob(3));
  agent.SucceedAll();
  const auto definitions = [&agent] {
    size_t count = 0;
    for (const CoordinatorMessage& message : agent.heard()) {
      const auto* grant = std::get_if<Grant>(&message);
      if (grant != nullptr) count += grant->definitions.size();
    }
    return count;
  };
  EXPECT_EQ(agent.HeardCount<Grant>(), 2);
  EXPECT_EQ(definitions(), 1u);
  agent.SayHello(agent.Held());
  agent.Beat(2);
  EXPECT_EQ(definitions(), 2u);
}

TEST(DispatchTest, WhatFitsNowhereBlocksNobodyWhateverItsPriority) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");  // two slots on its process pool
  agent.SayHello();
  agent.Beat(100, ExecutorKind::kProcessPool);
  const auto submit = [&](uint32_t cpu, int32_t priority) {
    JobToAccept job = NoopJob(50, "priority-" + std::to_string(priority));
    Edit(job).resources.cpu = cpu;
    Edit(job).priority = priority;
    job.executor = ExecutorKind::kProcessPool;
    return driver.SubmitOne(std::move(job));
  };
  const JobId nowhere = submit(/*cpu=*/64, /*priority=*/100);
  const JobId fits = submit(/*cpu=*/1, /*priority=*/0);
  agent.SucceedAll();
  EXPECT_EQ(driver.Summary(fits).state, JobState::kSucceeded);
  EXPECT_EQ(driver.Summary(nowhere).state, JobState::kQueued);
  // An agent that is large enough gets it.
  ScriptedAgent large(driver, "b");
  for (auto& executor : large.hello().executors) executor.slots = 64;
  large.SayHello();
  large.Beat(100, ExecutorKind::kProcessPool);
  large.SucceedAll();
  EXPECT_EQ(driver.Summary(nowhere).state, JobState::kSucceeded);
}

TEST(DispatchTest, TheEndOfTenMillionTasksIsAFewRowsAndHoldsUpNobody) {
  constexpr uint64_t kTasks = 10'000'000;
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  ScriptedAgent other(driver, "b");
  agent.SayHello();
  const JobId job = driver.SubmitOne(NoopJob(kTasks));
  while (driver.Count(job, TaskState::kSucceeded) < kTasks - 1) {
    agent.Beat(65'536);
    const std::vector<GrantedRange> granted = agent.granted();
    agent.Forget();
    ASSERT_FALSE(granted.empty());
    for (const GrantedRange& range : granted) {
      const uint64_t end =  // without the very last one
          std::min(range.tasks.first + range.tasks.count, kTasks - 1);
      for (uint64_t first = range.tasks.first; first < end;) {
        const uint64_t count =
            std::min(end - first, kTasksPerChunk - first % kTasksPerChunk);
        agent.End(job, {.first = first, .count = count}, 1, Ending::kSucceeded);
        first += count;
      }
    }
  }
  const uint64_t chunks = driver.store().chunk_writes().size();
  agent.End(job, {.first = kTasks - 1, .count = 1}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(driver.store().chunk_writes().size(), chunks + 1);
  EXPECT_TRUE(driver.core().live_jobs().empty());
  other.SayHello();
  other.Beat(1);
  EXPECT_EQ(other.HeardCount<HeartbeatAck>(), 1);
  EXPECT_TRUE(driver.store().violations().empty());
}

}  // namespace
}  // namespace remuda

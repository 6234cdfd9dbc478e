#include <gtest/gtest.h>

#include "coordinator/core/core_driver.h"
#include "wire/attempt_records.h"

namespace remuda {
namespace {

class ResultsTest : public testing::Test {
 protected:
  ResultsTest() : agent_(driver_, "a") {
    agent_.SayHello();
    agent_.Beat(4'000);
  }
  ~ResultsTest() override {
    EXPECT_EQ(driver_.store().violations(), std::vector<std::string>());
  }

  JobId Submit(uint64_t tasks, uint32_t attempts_max, uint64_t failed_max = 0) {
    JobToAccept job = NoopJob(tasks);
    Job& edited = Edit(job);
    edited.retry.attempts_max = attempts_max;
    edited.success.failed_max = failed_max;
    return driver_.SubmitOne(std::move(job));
  }

  uint64_t Stale(StaleReason reason) {
    return driver_.core().counters().stale[static_cast<size_t>(
        AgentMessageKind::kResults)][static_cast<size_t>(reason)];
  }

  CoreDriver driver_;
  ScriptedAgent agent_;
};

TEST_F(ResultsTest, FailuresAreFinalWithoutRetries) {
  const JobId job = Submit(6, 1);
  agent_.End(job, {.first = 0, .count = 1}, 1, Ending::kError, 3);
  agent_.End(job, {.first = 1, .count = 1}, 1, Ending::kTimeout);
  agent_.End(job, {.first = 2, .count = 1}, 1, Ending::kCrash);
  agent_.End(job, {.first = 3, .count = 1}, 1, Ending::kOom);
  agent_.End(job, {.first = 4, .count = 2}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.store().state(job, 0), TaskState::kFailed);
  EXPECT_EQ(driver_.store().state(job, 1), TaskState::kTimedOut);
  EXPECT_EQ(driver_.store().state(job, 2), TaskState::kFailed);
  EXPECT_EQ(driver_.store().state(job, 3), TaskState::kFailed);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kFailed);
  EXPECT_EQ(driver_.Summary(job).reason,
            "4 of 6 tasks did not succeed (3 failed, 1 timed out); at most 0 "
            "may");
}

TEST_F(ResultsTest, AJobSucceedsWithAsManyFailuresAsItMayHave) {
  const JobId job = Submit(4, 1, 2);
  agent_.End(job, {.first = 0, .count = 2}, 1, Ending::kError, 3);
  agent_.End(job, {.first = 2, .count = 2}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
}

TEST_F(ResultsTest, FailuresAreTriedAgainAfterABackOff) {
  const JobId job = Submit(2, 3);
  agent_.SucceedAll();
  const JobId other = Submit(2, 3);
  agent_.End(other, {.first = 0, .count = 1}, 1, Ending::kError, 1);
  agent_.Forget();
  driver_.Advance(std::chrono::milliseconds(790));
  EXPECT_EQ(agent_.granted_tasks(), 0u);
  agent_.Beat(4'000);
  driver_.Advance(std::chrono::milliseconds(420));
  ASSERT_EQ(agent_.granted_tasks(), 1u);
  EXPECT_EQ(agent_.granted()[0].fence, Fence{2});
  // The second wait is twice as long.
  agent_.End(other, {.first = 0, .count = 1}, 2, Ending::kError, 1);
  driver_.Advance(std::chrono::milliseconds(1'590));
  EXPECT_EQ(agent_.granted_tasks(), 0u);
  agent_.Beat(4'000);
  driver_.Advance(std::chrono::milliseconds(820));
  ASSERT_EQ(agent_.granted_tasks(), 1u);
  agent_.End(other, {.first = 0, .count = 1}, 3, Ending::kError, 1);
  EXPECT_EQ(driver_.store().state(other, 0), TaskState::kFailed);
  EXPECT_EQ(driver_.store().tries(other, 0).attempts, 3u);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
}

TEST_F(ResultsTest, OnlyClassesThatTheSpecNamesAreTriedAgain) {
  JobToAccept job = NoopJob(5);
  RetryPolicy& retry = Edit(job).retry;
  retry.attempts_max = 2;
  retry.on_error = false;
  retry.on_timeout = true;
  retry.on_crash = false;
  retry.on_oom = false;
  retry.on_exit = {{.first = 64, .last = 78}};
  const JobId id = driver_.SubmitOne(std::move(job));
  agent_.End(id, {.first = 0, .count = 1}, 1, Ending::kError, 63);
  agent_.End(id, {.first = 1, .count = 1}, 1, Ending::kError, 64);
  agent_.End(id, {.first = 2, .count = 1}, 1, Ending::kTimeout);
  agent_.End(id, {.first = 3, .count = 1}, 1, Ending::kCrash);
  agent_.End(id, {.first = 4, .count = 1}, 1, Ending::kOom);
  EXPECT_EQ(driver_.store().state(id, 0), TaskState::kFailed);
  EXPECT_EQ(driver_.store().state(id, 1), TaskState::kPending);
  EXPECT_EQ(driver_.store().state(id, 2), TaskState::kPending);
  EXPECT_EQ(driver_.store().state(id, 3), TaskState::kFailed);
  EXPECT_EQ(driver_.store().state(id, 4), TaskState::kFailed);
}

TEST_F(ResultsTest, RetriesGoBeforeFreshTasks) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(2);
  const JobId job = driver.SubmitOne(NoopJob(10));
  agent.End(job, {.first = 1, .count = 1}, 1, Ending::kEvicted);
  ASSERT_FALSE(agent.granted().empty());
  EXPECT_EQ(agent.granted().back().tasks, (IndexRange{.first = 1, .count = 1}));
  EXPECT_EQ(agent.granted().back().fence, Fence{2});
}

TEST_F(ResultsTest, EvictedAndHandedBackCostTheUserNothing) {
  const JobId job = Submit(3, 1);
  for (uint32_t fence = 1; fence <= 4; ++fence) {
    agent_.End(job, {.first = 0, .count = 1}, fence, Ending::kEvicted);
    agent_.End(job, {.first = 1, .count = 1}, fence, Ending::kCancelled);
  }
  for (uint32_t fence = 1; fence <= 20; ++fence) {
    agent_.End(job, {.first = 2, .count = 1}, fence, Ending::kEvicted, 0,
               /*started=*/false);
  }
  EXPECT_EQ(driver_.store().tries(job, 0).losses, 4u);
  EXPECT_EQ(driver_.store().tries(job, 1).losses, 4u);
  EXPECT_EQ(driver_.store().tries(job, 2).attempts, 0u);
  agent_.End(job, {.first = 0, .count = 1}, 5, Ending::kError, 1);
  EXPECT_EQ(driver_.store().state(job, 0), TaskState::kFailed);
  // The fifth loss is one too many.
  agent_.End(job, {.first = 1, .count = 1}, 5, Ending::kEvicted);
  EXPECT_EQ(driver_.store().state(job, 1), TaskState::kLost);
  agent_.End(job, {.first = 2, .count = 1}, 21, Ending::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kFailed);
  EXPECT_EQ(driver_.Summary(job).infrastructure_losses, 9u);
  EXPECT_EQ(driver_.core().counters().classes[0].quarantined, 1u);
}

TEST_F(ResultsTest, TheSameResultTwiceCountsOnce) {
  const JobId job = Submit(5, 1);
  Results results;
  results.sequence = 1;
  EndedBatch& batch = results.batches.emplace_back();
  batch.job = job;
  batch.executor = ExecutorKind::kAsync;
  batch.runs = {{.tasks = {.first = 0, .count = 2}, .fence = Fence{1}}};
  agent_.Send(results);
  const std::string digest = driver_.core().StateDigest();
  agent_.ClearHeard();
  agent_.Send(results);
  EXPECT_EQ(driver_.core().StateDigest(), digest);
  EXPECT_EQ(agent_.HeardCount<ResultsAck>(), 1);
  EXPECT_EQ(agent_.acked(), 1u);
  EXPECT_EQ(driver_.core().counters().duplicates, 1u);
}

TEST_F(ResultsTest, OneOutOfTurnWaitsForTheOneBefore) {
  const JobId job = Submit(5, 1);
  Results second;
  second.sequence = 2;
  agent_.Send(second);
  EXPECT_EQ(agent_.acked(), 0u);
  EXPECT_EQ(Stale(StaleReason::kGap), 1u);
  agent_.End(job, {.first = 0, .count = 5}, 1, Ending::kSucceeded);
  agent_.Send(second);
  EXPECT_EQ(agent_.acked(), 2u);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
}

TEST_F(ResultsTest, AcksOfATurnAreOne) {
  const JobId job = Submit(5, 1);
  agent_.ClearHeard();
  for (uint64_t i = 0; i < 5; ++i) {
    Results results;
    results.sequence = i + 1;
    EndedBatch& batch = results.batches.emplace_back();
    batch.job = job;
    batch.executor = ExecutorKind::kAsync;
    batch.runs = {{.tasks = {.first = i, .count = 1}, .fence = Fence{1}}};
    driver_.core().OnAgentMessage(driver_.now(),
                                  {.peer = agent_.peer(),
                                   .term = agent_.welcome().term,
                                   .session = agent_.welcome().session},
                                  std::move(results));
  }
  const Output output = driver_.Turn();
  EXPECT_EQ(agent_.HeardCount<ResultsAck>(), 1);
  EXPECT_EQ(agent_.acked(), 5u);
  EXPECT_EQ(output.summaries.size(), 1u);
  EXPECT_EQ(output.chunks.size(), 1u);
  EXPECT_EQ(output.grants_done.size(), 1u);
}

TEST_F(ResultsTest, StalePartsAreDroppedAndTheRestTaken) {
  const JobId job = Submit(20, 1);
  agent_.End(job, {.first = 4, .count = 2}, 1, Ending::kEvicted);
  // 4 and 5 run at fence 2 now.
  agent_.End(job, {.first = 0, .count = 10}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 8u);
  EXPECT_EQ(Stale(StaleReason::kNotRunning), 1u);
  EXPECT_EQ(driver_.store().state(job, 4), TaskState::kPending);
  agent_.End(job, {.first = 4, .count = 2}, 2, Ending::kSucceeded);
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 10u);
}

TEST_F(ResultsTest, AnotherAgentsTasksAreNotItsToEnd) {
  const JobId job = Submit(20, 1);
  ScriptedAgent thief(driver_, "b");
  thief.SayHello();
  thief.End(job, {.first = 0, .count = 20}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 0u);
  EXPECT_EQ(Stale(StaleReason::kOtherHolder), 1u);
  EXPECT_EQ(thief.acked(), 1u);
}

TEST_F(ResultsTest, RecordsTravelWithTheirEvent) {
  const JobId job = Submit(3, 1);
  agent_.End(job, {.first = 0, .count = 3}, 1, Ending::kSucceeded);
  bool found = false;
  for (const Event& event : driver_.store().history()) {
    const auto* ended = std::get_if<AttemptsEnded>(&event);
    if (ended == nullptr) continue;
    found = true;
    ASSERT_TRUE(ended->records);
    EXPECT_EQ(*ended->records, "records");
    EXPECT_EQ(ended->agent, agent_.id());
    EXPECT_EQ(ended->executor, ExecutorKind::kAsync);
  }
  EXPECT_TRUE(found);
}

TEST_F(ResultsTest, LogChunksOfCurrentAttemptsAreKept) {
  const JobId job = Submit(3, 1);
  const auto chunk = [job](uint64_t sequence, TaskIndex task, uint32_t fence) {
    return LogChunk{
        .sequence = sequence,
        .attempt = {.job = job, .task = task, .fence = Fence{fence}},
        .bytes = "text"};
  };
  const AgentSender sender = {.peer = agent_.peer(),
                              .term = agent_.welcome().term,
                              .session = agent_.welcome().session};
  driver_.core().OnAgentMessage(driver_.now(), sender, chunk(1, 0, 1));
  driver_.core().OnAgentMessage(driver_.now(), sender, chunk(2, 0, 2));
  driver_.core().OnAgentMessage(driver_.now(), sender, chunk(3, 99, 1));
  driver_.core().OnAgentMessage(driver_.now(), sender, chunk(3, 0, 1));
  const Output output = driver_.Turn();
  EXPECT_EQ(output.logs.size(), 1u);
  EXPECT_TRUE(output.needs_commit());
  EXPECT_EQ(agent_.acked(), 3u);
}

// Only what is taken counts: of two attempts reported one is stale.
TEST_F(ResultsTest, TimesOfTasksAreCounted) {
  const JobId job = Submit(4, 2);
  driver_.Advance(std::chrono::seconds(2));
  agent_.End(job, {.first = 0, .count = 1}, 1, Ending::kSucceeded);
  std::vector<AttemptRecord> records(2);
  for (TaskIndex task = 0; task < 2; ++task) {
    records[task].task = task;
    records[task].fence = Fence{1};
    records[task].wall = std::chrono::seconds(5 * (task + 1));
  }
  EndedBatch batch;
  batch.job = job;
  batch.executor = ExecutorKind::kAsync;
  batch.runs = {{.tasks = {.first = 0, .count = 2}, .fence = Fence{1}}};
  batch.records = EncodeAttemptRecords(records);
  std::vector<EndedBatch> batches;
  batches.push_back(std::move(batch));
  agent_.SendBatches(std::move(batches));
  const CoreCounters& counters = driver_.core().counters();
  EXPECT_EQ(counters.classes[0].run.total(), 1u);
  EXPECT_EQ(counters.classes[0].run.sum(), 10.0);
  EXPECT_EQ(counters.queue.wait.total(), 4u);
  EXPECT_EQ(counters.queue.wait.sum(), 0.0);
  EXPECT_EQ(counters.queue.total.total(), 2u);
  EXPECT_EQ(counters.queue.total.sum(), 4.0);
  EXPECT_EQ(counters.classes[0].tasks_taken, 4u);
}

}  // namespace
}  // namespace remuda

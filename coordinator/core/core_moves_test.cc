// Jobs that change their executor while they are live.
#include <gtest/gtest.h>

#include <cstdint>
#include <variant>

#include "coordinator/core/core_driver.h"

namespace remuda {
namespace {

class MovesTest : public ::testing::Test {
 protected:
  MovesTest() {
    agent_.SayHello();
    agent_.Beat(100);
    agent_.Beat(100, ExecutorKind::kThreadPool);
  }

  Output Wish(JobId job, ExecutorKind executor,
              std::optional<uint64_t> tasks_max = std::nullopt) {
    driver_.core().OnExecutorWish(driver_.now(), {.job = job,
                                                  .executor = executor,
                                                  .reason = "it is better",
                                                  .tasks_max = tasks_max});
    return driver_.Turn();
  }

  void EndOnThreads(JobId job, IndexRange tasks, bool started) {
    const EndingRun run = {
        .tasks = tasks,
        .fence = {1},
        .ending = started ? Ending::kSucceeded : Ending::kEvicted,
        .started = started};
    agent_.SendBatches({{.job = job,
                         .executor = ExecutorKind::kThreadPool,
                         .runs = {run},
                         .records = ""}});
  }

  ExecutorKind ExecutorOf(JobId job) { return driver_.Summary(job).executor; }

  CoreDriver driver_;
  ScriptedAgent agent_{driver_, "one"};
};

constexpr ExecutorKind kThreads = ExecutorKind::kThreadPool;

TEST_F(MovesTest, AJobMovesWhenNothingOfItIsGranted) {
  const JobId job = driver_.SubmitOne(NoopJob(300));
  EXPECT_EQ(agent_.granted_tasks(), 100u);
  Wish(job, kThreads);
  EXPECT_EQ(ExecutorOf(job), ExecutorKind::kAsync);
  EXPECT_EQ(agent_.HeardCount<StopTasks>(), 1);
  agent_.End(job, {.first = 0, .count = 60}, 1, Ending::kSucceeded);
  agent_.Beat(100);
  driver_.Turn();
  // Nothing new is granted while some of it is held.
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 40u);
  EXPECT_EQ(ExecutorOf(job), ExecutorKind::kAsync);
  agent_.Forget();
  agent_.End(job, {.first = 60, .count = 40}, 1, Ending::kEvicted, 0,
             /*started=*/false);
  EXPECT_EQ(ExecutorOf(job), kThreads);
  EXPECT_EQ(driver_.Summary(job).executor_reason, "it is better");
  ASSERT_FALSE(agent_.granted().empty());
  for (const GrantedRange& range : agent_.granted()) {
    EXPECT_EQ(range.executor, kThreads);
  }
  EXPECT_EQ(driver_.Summary(job).attempts, 60u);
  while (driver_.core().summary(job).has_value()) {
    agent_.SucceedAll();
    agent_.Beat(100, kThreads);
  }
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 300u);
  EXPECT_TRUE(driver_.store().violations().empty());
}

TEST_F(MovesTest, AHeartbeatRepeatsWhatIsWantedBack) {
  const JobId job = driver_.SubmitOne(NoopJob(50));
  Wish(job, kThreads);
  agent_.ClearHeard();
  agent_.Beat(100);
  EXPECT_EQ(agent_.HeardCount<StopTasks>(), 1);
  agent_.SucceedAll();
  agent_.ClearHeard();
  agent_.Beat(100);
  EXPECT_EQ(agent_.HeardCount<StopTasks>(), 0);
}

TEST_F(MovesTest, ATrialIsGrantedSoManyTasks) {
  const JobId job = driver_.SubmitOne(NoopJob(300));
  Wish(job, kThreads, 30);
  agent_.SucceedAll();
  EXPECT_EQ(ExecutorOf(job), kThreads);
  EXPECT_EQ(agent_.granted_tasks(), 30u);
  // What comes back unbegun may be granted again.
  agent_.Forget();
  EndOnThreads(job, {.first = 100, .count = 10}, /*started=*/false);
  EXPECT_EQ(agent_.granted_tasks(), 10u);
  EndOnThreads(job, {.first = 110, .count = 20}, /*started=*/true);
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 10u);
  Wish(job, kThreads);
  EXPECT_GT(agent_.granted_tasks(), 10u);
}

TEST_F(MovesTest, AWishForWhereItIsTakesAnotherBack) {
  const JobId job = driver_.SubmitOne(NoopJob(300));
  Wish(job, kThreads);
  agent_.End(job, {.first = 0, .count = 50}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 50u);
  Wish(job, ExecutorKind::kAsync);
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 100u);
  EXPECT_EQ(ExecutorOf(job), ExecutorKind::kAsync);
}

TEST_F(MovesTest, ACancelledJobDoesNotMove) {
  const JobId job = driver_.SubmitOne(NoopJob(300));
  Wish(job, kThreads);
  driver_.Cancel(job);
  agent_.End(job, {.first = 0, .count = 100}, 1, Ending::kCancelled);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kCancelled);
  EXPECT_EQ(ExecutorOf(job), ExecutorKind::kAsync);
  Wish(job, kThreads);
  EXPECT_EQ(ExecutorOf(job), ExecutorKind::kAsync);
}

TEST_F(MovesTest, AJobThatEndsFirstDoesNotMove) {
  const JobId job = driver_.SubmitOne(NoopJob(100));
  Wish(job, kThreads);
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(ExecutorOf(job), ExecutorKind::kAsync);
  driver_.Turn();
}

TEST_F(MovesTest, ARestartForgetsTheWishAndKeepsTheMove) {
  const JobId moved = driver_.SubmitOne(NoopJob(300));
  Wish(moved, kThreads);
  agent_.SucceedAll();
  ASSERT_EQ(ExecutorOf(moved), kThreads);
  const JobId waits = driver_.SubmitOne(NoopJob(300));
  agent_.Beat(100);
  driver_.Turn();
  Wish(waits, kThreads);
  driver_.Restart();
  agent_.SayHello(agent_.Held());
  agent_.Beat(100);
  agent_.Beat(100, kThreads);
  while (driver_.core().summary(waits).has_value() ||
         driver_.core().summary(moved).has_value()) {
    agent_.SucceedAll();
    agent_.Beat(100);
    agent_.Beat(100, kThreads);
  }
  EXPECT_EQ(ExecutorOf(moved), kThreads);
  EXPECT_EQ(ExecutorOf(waits), ExecutorKind::kAsync);
}

TEST_F(MovesTest, HistoryGivesTheSameState) {
  const JobId job = driver_.SubmitOne(NoopJob(300));
  Wish(job, kThreads);
  agent_.SucceedAll();
  Wish(job, ExecutorKind::kAsync);
  agent_.SucceedAll();
  Core replayed((CoreOptions()));
  for (const Event& event : driver_.store().history()) replayed.Apply(event);
  EXPECT_EQ(replayed.StateDigest(), driver_.core().StateDigest());
  EXPECT_EQ(ExecutorOf(job), ExecutorKind::kAsync);
}

}  // namespace
}  // namespace remuda

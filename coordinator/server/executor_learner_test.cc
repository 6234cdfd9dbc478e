#include "coordinator/server/executor_learner.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "wire/attempt_records.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ExecutorKind kThreads = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcesses = ExecutorKind::kProcessPool;
constexpr uint64_t kTasks = 1'000;

// What its attempts do, and how many of them at once.
struct Work {
  Duration wall{};
  Duration cpu{};
  uint64_t at_once = 1;
  Ending ending = Ending::kSucceeded;
  uint64_t memory_bytes = 0;  // of its process; 0: not known
};
constexpr Work kSleepingInProcesses = {milliseconds(100), milliseconds(1), 2};
constexpr Work kSleepingOnThreads = {milliseconds(100), milliseconds(1), 64};

class ExecutorLearnerTest : public ::testing::Test {
 protected:
  ExecutorLearnerTest() {
    now_.monotonic = MonotonicTime(seconds(100));
    now_.wall = WallTime(seconds(1'795'824'000));  // 28 November 2026
    Register(/*memory_bytes=*/0);
  }

  void Register(uint64_t memory_bytes) {
    Happened(AgentRegistered{.agent = {1},
                             .instance = "one",
                             .name = "one",
                             .executors = {{ExecutorKind::kAsync, 10'000},
                                           {kThreads, 64},
                                           {kProcesses, 2}},
                             .memory_bytes = memory_bytes});
  }

  void Happened(Event event) {
    Output output;
    output.events.push_back(std::move(event));
    learner_.OnCommitted(now_, output);
  }

  static std::shared_ptr<const Job> JobOf(std::vector<ExecutorKind> safe) {
    auto job = std::make_shared<Job>();
    job->name = "sleeping";
    job->type = "python";
    job->with = R"({"function":"m:f"})";
    job->form = CodeForm::kPlain;
    job->tasks = {.kind = TaskSource::Kind::kRange, .from = 1, .to = 1'000};
    job->executor.safe_on = std::move(safe);
    return job;
  }

  void Accept(JobId id, std::shared_ptr<const Job> job,
              ExecutorKind executor = kProcesses) {
    waiting_ = kTasks;
    next_ = 0;
    executor_ = executor;
    Happened(JobAccepted{.id = id,
                         .job = std::move(job),
                         .tasks = kTasks,
                         .executor = executor,
                         .executor_reason = "the table"});
  }

  // So many tasks begin and end.
  void Run(JobId id, uint64_t count, const Work& work) {
    Happened(TasksGranted{.grant = {++grant_},
                          .job = id,
                          .agent = {1},
                          .tasks = {next_, count},
                          .fence = {1}});
    std::vector<AttemptRecord> records;
    WallTime start = now_.wall;
    for (uint64_t i = 0; i < count; ++i) {
      if (i % work.at_once == 0) start += work.wall;
      records.push_back({.task = next_ + i,
                         .fence = {1},
                         .ending = work.ending,
                         .ended_at = start,
                         .wall = work.wall,
                         .usage = {.cpu = work.cpu}});
      if (work.memory_bytes > 0) {
        records.back().usage.memory_max_bytes = work.memory_bytes;
      }
    }
    now_.monotonic += start - now_.wall;
    now_.wall = start;
    AttemptsEnded ended;
    ended.job = id;
    ended.agent = {1};
    ended.executor = executor_;
    ended.runs.push_back({.ended = {.tasks = {next_, count},
                                    .fence = {1},
                                    .ending = work.ending},
                          .state = TaskState::kSucceeded});
    ended.records =
        std::make_shared<const std::string>(EncodeAttemptRecords(records));
    next_ += count;
    waiting_ -= count;
    Happened(std::move(ended));
  }

  std::vector<ExecutorLearner::Step> Look() {
    now_.monotonic += ExecutorLearner::kLook;
    return learner_.Look(now_, [this](JobId) { return waiting_; });
  }

  void Chosen(const ExecutorWish& wish) {
    executor_ = wish.executor;
    Happened(ExecutorChosen{
        .job = wish.job, .executor = wish.executor, .reason = wish.reason});
  }

  // Up to the moment at which the job has moved to threads.
  ExecutorLearner::Step Move(JobId id) {
    Accept(id, JobOf({kThreads}));
    Run(id, 12, kSleepingInProcesses);
    std::vector<ExecutorLearner::Step> steps = Look();
    EXPECT_EQ(steps.size(), 1u);
    if (steps.size() != 1) return {};
    Chosen(steps[0].wish);
    return steps[0];
  }

  JobToAccept Later(std::vector<ExecutorKind> safe) {
    JobToAccept later;
    later.job = JobOf(std::move(safe));
    later.executor = kProcesses;
    later.executor_reason = "the table";
    learner_.Choose(later);
    return later;
  }

  ExecutorLearner learner_;
  Now now_;
  uint64_t waiting_ = 0;
  TaskIndex next_ = 0;
  uint64_t grant_ = 0;
  ExecutorKind executor_ = kProcesses;
};

TEST_F(ExecutorLearnerTest, AJobThatWaitsIsTriedOnThreadsAndKeptThere) {
  const ExecutorLearner::Step moved = Move({1});
  EXPECT_EQ(moved.result, TrialResult::kGoesOn);
  EXPECT_EQ(moved.wish.executor, kThreads);
  EXPECT_EQ(moved.wish.tasks_max, 49u);
  ASSERT_TRUE(moved.learned.learned.trial.has_value());
  Run({1}, 49, kSleepingOnThreads);
  const auto steps = Look();
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].result, TrialResult::kKept);
  EXPECT_EQ(steps[0].wish.executor, kThreads);
  EXPECT_FALSE(steps[0].wish.tasks_max.has_value());
  EXPECT_EQ(steps[0].reason.rfind(
                "moved from process-pool to thread-pool after 12 tasks and "
                "kept: ",
                0),
            0u)
      << steps[0].reason;
  EXPECT_EQ(learner_.watched(), 0u);
}

TEST_F(ExecutorLearnerTest, ALaterJobBeginsOnWhatWasLearned) {
  Move({1});
  Run({1}, 49, kSleepingOnThreads);
  Look();
  const JobToAccept later = Later({kThreads});
  EXPECT_EQ(later.executor, kThreads);
  EXPECT_EQ(later.executor_reason.rfind("learned on 2026-11-28: ", 0), 0u)
      << later.executor_reason;
  // Not if it is not declared safe there.
  EXPECT_EQ(Later({}).executor, kProcesses);
  // Nor is another tried there.
  Accept({2}, later.job, later.executor);
  Run({2}, 64, kSleepingOnThreads);
  EXPECT_TRUE(Look().empty());
}

TEST_F(ExecutorLearnerTest, WhatWouldNotFitTheAgentsMemoryIsNotTried) {
  Work large = kSleepingInProcesses;
  large.memory_bytes = 900 << 20;
  for (const uint64_t gibibytes : {1, 4}) {
    Register(gibibytes << 30);
    Accept({gibibytes}, JobOf({kThreads}));
    Run({gibibytes}, 12, large);
    EXPECT_EQ(Look().size(), gibibytes == 1 ? 0u : 1u) << gibibytes;
  }
}

TEST_F(ExecutorLearnerTest, WhatLosesGoesBackAndIsNotTriedAgain) {
  Move({1});
  Run({1}, 49, {milliseconds(3'000), milliseconds(1), 64});
  const auto steps = Look();
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].result, TrialResult::kLost);
  EXPECT_EQ(steps[0].wish.executor, kProcesses);
  EXPECT_EQ(steps[0].reason.rfind("the table; back from thread-pool, ", 0), 0u)
      << steps[0].reason;
  EXPECT_EQ(Later({kThreads}).executor, kProcesses);
  Accept({2}, JobOf({kThreads}));
  for (int i = 0; i < 10; ++i) {
    Run({2}, 12, kSleepingInProcesses);
    EXPECT_TRUE(Look().empty());
  }
}

TEST_F(ExecutorLearnerTest, TasksThatFailThereEndTheTrial) {
  Move({1});
  Run({1}, 20, {milliseconds(1), milliseconds(1), 64, Ending::kError});
  const auto steps = Look();
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].result, TrialResult::kFailed);
  EXPECT_EQ(steps[0].wish.executor, kProcesses);
}

TEST_F(ExecutorLearnerTest, CodeThatIsNotDeclaredSafeIsNeverMoved) {
  Accept({1}, JobOf({}));
  EXPECT_EQ(learner_.watched(), 0u);
  Accept({2}, JobOf({kProcesses}));
  EXPECT_EQ(learner_.watched(), 0u);
  // Nor what is not known to be an async def to a loop.
  Accept({3}, JobOf({ExecutorKind::kAsync}));
  EXPECT_EQ(learner_.watched(), 0u);
}

TEST_F(ExecutorLearnerTest, TooLittleLeftIsNotWorthATrial) {
  Accept({1}, JobOf({kThreads}));
  Run({1}, 12, kSleepingInProcesses);
  waiting_ = 40;
  EXPECT_TRUE(Look().empty());
}

TEST_F(ExecutorLearnerTest, AJobThatComputesStays) {
  Accept({1}, JobOf({kThreads}));
  Run({1}, 100, {milliseconds(100), milliseconds(99), 2});
  EXPECT_TRUE(Look().empty());
}

TEST_F(ExecutorLearnerTest, ARestartGoesOnWithTheTrial) {
  const ExecutorLearner::Step moved = Move({1});
  StoredState state;
  StoredJob stored;
  stored.accepted = {.id = {1},
                     .job = JobOf({kThreads}),
                     .tasks = kTasks,
                     .executor = kThreads};
  stored.summary.id = {1};
  stored.summary.executor = kThreads;
  stored.summary.executor_reason = moved.reason;
  stored.moves = 1;
  state.jobs.push_back(stored);
  state.agents.push_back(
      {.agent = {1}, .executors = {{kThreads, 64}, {kProcesses, 2}}});
  learner_ = ExecutorLearner();
  learner_.Restore(now_, state, {moved.learned});
  EXPECT_EQ(learner_.watched(), 1u);
  Run({1}, 64, kSleepingOnThreads);
  const auto steps = Look();
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].result, TrialResult::kKept);
  // What was tried before the restart is over.
  stored.moves = 2;
  stored.summary.executor = kProcesses;
  state.jobs = {stored};
  learner_ = ExecutorLearner();
  learner_.Restore(now_, state, {steps[0].learned});
  EXPECT_EQ(learner_.watched(), 0u);
}

}  // namespace
}  // namespace remuda

#include <gtest/gtest.h>

#include "coordinator/core/core_driver.h"

namespace remuda {
namespace {

class CancelTest : public testing::Test {
 protected:
  CancelTest() : agent_(driver_, "a") {
    agent_.SayHello();
    agent_.Beat(4);
  }
  ~CancelTest() override {
    EXPECT_EQ(driver_.store().violations(), std::vector<std::string>());
  }

  CancelReply Cancel(JobId job) {
    return std::get<CancelReply>(driver_.Cancel(job));
  }

  CoreDriver driver_;
  ScriptedAgent agent_;
};

TEST_F(CancelTest, WhatWaitsIsCancelledAtOnceWithoutRows) {
  const JobId job = driver_.SubmitOne(NoopJob(100'000));
  const size_t writes = driver_.store().chunk_writes().size();
  agent_.ClearHeard();
  const CancelReply reply = Cancel(job);
  EXPECT_EQ(reply.result, CancelReply::Result::kCancelled);
  EXPECT_EQ(reply.job.state, JobState::kCancelling);
  EXPECT_EQ(driver_.Count(job, TaskState::kCancelled), 99'996u);
  EXPECT_EQ(driver_.Count(job, TaskState::kRunning), 4u);
  EXPECT_EQ(driver_.store().chunk_writes().size(), writes);
  ASSERT_EQ(agent_.HeardCount<StopTasks>(), 1);
  // The stop is repeated while anything still runs.
  agent_.Beat(4);
  EXPECT_EQ(agent_.HeardCount<StopTasks>(), 2);
  EXPECT_EQ(agent_.HeardCount<Grant>(), 0);
  agent_.End(job, {.first = 0, .count = 3}, 1, Ending::kCancelled);
  agent_.End(job, {.first = 3, .count = 1}, 1, Ending::kSucceeded);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kCancelled);
  EXPECT_EQ(driver_.Summary(job).reason, "not wanted any more");
  EXPECT_EQ(driver_.Count(job, TaskState::kSucceeded), 1u);
  EXPECT_EQ(driver_.Count(job, TaskState::kCancelled), 99'999u);
  agent_.Beat(4);
  EXPECT_EQ(agent_.HeardCount<StopTasks>(), 2);
}

TEST_F(CancelTest, AJobThatHasNotStartedEndsAtOnce) {
  driver_.SubmitOne(NoopJob(4, "first"));
  const JobId job = driver_.SubmitOne(NoopJob(5, "second"));
  const CancelReply reply = Cancel(job);
  EXPECT_EQ(reply.result, CancelReply::Result::kCancelled);
  EXPECT_EQ(reply.job.state, JobState::kCancelled);
  EXPECT_EQ(driver_.Count(job, TaskState::kCancelled), 5u);
}

TEST_F(CancelTest, NothingIsTriedAgain) {
  JobToAccept accept = NoopJob(4);
  Edit(accept).retry.attempts_max = 5;
  const JobId job = driver_.SubmitOne(std::move(accept));
  agent_.End(job, {.first = 0, .count = 1}, 1, Ending::kError, 1);
  Cancel(job);
  EXPECT_EQ(driver_.Count(job, TaskState::kCancelled), 1u);
  agent_.End(job, {.first = 1, .count = 1}, 1, Ending::kError, 1);
  agent_.End(job, {.first = 2, .count = 1}, 1, Ending::kEvicted);
  agent_.End(job, {.first = 3, .count = 1}, 1, Ending::kCancelled, 0,
             /*started=*/false);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kCancelled);
  EXPECT_EQ(driver_.Count(job, TaskState::kCancelled), 4u);
  agent_.Forget();
  driver_.Advance(std::chrono::seconds(5));
  EXPECT_EQ(agent_.granted_tasks(), 0u);
}

TEST_F(CancelTest, AFinalFailureWhileCancellingIsRecordedAsSuch) {
  const JobId job = driver_.SubmitOne(NoopJob(1));
  Cancel(job);
  agent_.End(job, {.first = 0, .count = 1}, 1, Ending::kError, 1);
  EXPECT_EQ(driver_.Count(job, TaskState::kFailed), 1u);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kCancelled);
}

TEST_F(CancelTest, AskedTwiceItSaysTheSame) {
  const JobId job = driver_.SubmitOne(NoopJob(10));
  Cancel(job);
  EXPECT_EQ(Cancel(job).result, CancelReply::Result::kCancelled);
  EXPECT_EQ(driver_.core().counters().cancels_while_running, 2u);
}

TEST_F(CancelTest, AFinishedJobIsTooLate) {
  const JobId job = driver_.SubmitOne(NoopJob(2));
  agent_.SucceedAll();
  EXPECT_EQ(Cancel(job).result, CancelReply::Result::kTooLate);
  EXPECT_EQ(Cancel(job).job.state, JobState::kSucceeded);
  driver_.Restart();
  EXPECT_EQ(Cancel(job).result, CancelReply::Result::kTooLate);
}

TEST_F(CancelTest, AnUnknownJobIsNotFound) {
  const ClientReply reply = driver_.Cancel(JobId{99});
  EXPECT_EQ(std::get<RequestError>(reply).code, RequestError::Code::kNotFound);
}

TEST_F(CancelTest, HoldersThatAreLostEndTheJobToo) {
  const JobId job = driver_.SubmitOne(NoopJob(10));
  Cancel(job);
  driver_.Advance(std::chrono::seconds(31));
  EXPECT_EQ(driver_.Summary(job).state, JobState::kCancelled);
  EXPECT_EQ(driver_.Count(job, TaskState::kCancelled), 10u);
}

TEST_F(CancelTest, ACancelOutlivesARestart) {
  const JobId job = driver_.SubmitOne(NoopJob(10));
  Cancel(job);
  driver_.Restart();
  EXPECT_EQ(driver_.core().summary(job)->state, JobState::kCancelling);
  agent_.SayHello(agent_.Held());
  agent_.ClearHeard();
  agent_.Beat(100);
  EXPECT_EQ(agent_.HeardCount<StopTasks>(), 1);
  EXPECT_EQ(agent_.HeardCount<Grant>(), 0);
  agent_.End(job, {.first = 0, .count = 4}, 1, Ending::kCancelled);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kCancelled);
}

}  // namespace
}  // namespace remuda

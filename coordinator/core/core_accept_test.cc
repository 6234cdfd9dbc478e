#include <gtest/gtest.h>

#include "coordinator/core/core_driver.h"
#include "coordinator/core/submission_table.h"

namespace remuda {
namespace {

std::vector<JobToAccept> Two() {
  std::vector<JobToAccept> jobs;
  jobs.push_back(NoopJob(2, "one"));
  jobs.push_back(NoopJob(3, "two"));
  return jobs;
}

RequestError::Code CodeOf(const ClientReply& reply) {
  return std::get<RequestError>(reply).code;
}

TEST(AcceptTest, AWholeSubmissionIsAcceptedInOneOutput) {
  CoreDriver driver;
  const Accepted accepted = driver.Submit("k", Two());
  ASSERT_EQ(accepted.jobs.size(), 2u);
  EXPECT_FALSE(accepted.existed);
  EXPECT_EQ(accepted.jobs[0].name, "one");
  EXPECT_EQ(accepted.jobs[1].total, 3u);
  EXPECT_EQ(accepted.jobs[1].state, JobState::kQueued);
  EXPECT_LT(accepted.jobs[0].id, accepted.jobs[1].id);
}

TEST(AcceptTest, TheSameKeyGivesTheSameJobs) {
  CoreDriver driver;
  const Accepted first = driver.Submit("k", Two());
  const Accepted again = driver.Submit("k", Two());
  EXPECT_TRUE(again.existed);
  ASSERT_EQ(again.jobs.size(), 2u);
  EXPECT_EQ(again.jobs[0].id, first.jobs[0].id);
  EXPECT_EQ(again.jobs[1].id, first.jobs[1].id);
  EXPECT_EQ(driver.core().live_jobs().size(), 2u);
}

TEST(AcceptTest, TheSameKeyForOtherWorkIsAConflict) {
  CoreDriver driver;
  driver.Submit("k", Two());
  std::vector<JobToAccept> other = Two();
  other[1].digest = "changed";
  driver.Submit("k", std::move(other));
  EXPECT_EQ(CodeOf(driver.reply()), RequestError::Code::kConflict);
  std::vector<JobToAccept> fewer;
  fewer.push_back(NoopJob(2, "one"));
  driver.Submit("k", std::move(fewer));
  EXPECT_EQ(CodeOf(driver.reply()), RequestError::Code::kConflict);
  EXPECT_EQ(driver.core().live_jobs().size(), 2u);
}

TEST(AcceptTest, AFinishedSubmissionIsRemembered) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(10);
  const Accepted first = driver.Submit("k", Two());
  agent.SucceedAll();
  // The store's answer may be older than the job's end.
  driver.core().OnSubmit(driver.now(), Peer{5}, 1, "k", Two(), std::nullopt);
  driver.Turn();
  const auto& again = std::get<Accepted>(driver.reply());
  EXPECT_TRUE(again.existed);
  EXPECT_EQ(again.jobs[1].id, first.jobs[1].id);
  EXPECT_EQ(again.jobs[1].state, JobState::kSucceeded);
}

TEST(AcceptTest, AfterARestartTheStoreRemembers) {
  CoreDriver driver;
  ScriptedAgent agent(driver, "a");
  agent.SayHello();
  agent.Beat(2);
  const Accepted first = driver.Submit("k", Two());
  agent.SucceedAll();
  ASSERT_EQ(driver.Summary(first.jobs[0].id).state, JobState::kSucceeded);
  driver.Restart();
  const Accepted again = driver.Submit("k", Two());
  EXPECT_TRUE(again.existed);
  ASSERT_EQ(again.jobs.size(), 2u);
  EXPECT_EQ(again.jobs[0].id, first.jobs[0].id);
  EXPECT_EQ(again.jobs[0].state, JobState::kSucceeded);
  EXPECT_EQ(again.jobs[1].id, first.jobs[1].id);
  std::vector<JobToAccept> other = Two();
  other[0].digest = "changed";
  driver.Submit("k", std::move(other));
  EXPECT_EQ(CodeOf(driver.reply()), RequestError::Code::kConflict);
}

TEST(AcceptTest, TooManyLiveJobsAreRefusedWithoutATrace) {
  CoreOptions options;
  options.jobs_live_max = 3;
  CoreDriver driver(options);
  driver.Submit("k", Two());
  driver.core().OnSubmit(driver.now(), Peer{5}, 1, "l", Two(), std::nullopt);
  const Output output = driver.Turn();
  EXPECT_FALSE(output.needs_commit());
  EXPECT_EQ(CodeOf(driver.reply()), RequestError::Code::kBusy);
  EXPECT_EQ(driver.core().counters().submissions_busy, 1u);
}

TEST(AcceptTest, NonsenseIsRefused) {
  CoreDriver driver;
  driver.Submit("k", {});
  EXPECT_EQ(CodeOf(driver.reply()), RequestError::Code::kInvalid);
  driver.Submit("", Two());
  EXPECT_EQ(CodeOf(driver.reply()), RequestError::Code::kInvalid);
}

TEST(AcceptTest, AJobWithoutTasksEndsAtOnce) {
  CoreDriver driver;
  const JobId job = driver.SubmitOne(NoopJob(0));
  EXPECT_EQ(driver.Summary(job).state, JobState::kSucceeded);
  EXPECT_TRUE(driver.core().live_jobs().empty());
}

TEST(AcceptTest, OnlyTheLatestFinishedSubmissionsAreKept) {
  CoreDriver driver;
  for (size_t i = 0; i < SubmissionTable::kFinishedMax + 1; ++i) {
    driver.SubmitOne(NoopJob(0));
  }
  const auto existed = [&driver](const std::string& key) {
    std::vector<JobToAccept> jobs;
    jobs.push_back(NoopJob(0));
    driver.core().OnSubmit(driver.now(), Peer{5}, 1, key, std::move(jobs),
                           std::nullopt);
    return std::get<Accepted>(
               std::get<ToClient>(driver.core().TakeOutput().after_commit[0])
                   .reply)
        .existed;
  };
  EXPECT_TRUE(existed("key-2"));
  EXPECT_FALSE(existed("key-1"));
}

}  // namespace
}  // namespace remuda

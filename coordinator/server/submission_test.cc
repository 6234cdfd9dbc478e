#include "coordinator/server/submission.h"

#include <gtest/gtest.h>

#include "jobs/job_json.h"

namespace remuda {
namespace {

Job NoopJob() {
  Job job;
  job.name = "test";
  job.type = "noop";
  return job;
}

std::string ListJob(uint64_t count) {
  Job job = NoopJob();
  job.tasks.kind = TaskSource::Kind::kList;
  job.tasks.written = TaskSource::Written::kItems;
  job.tasks.list_count = count;
  return JobToJson(job);
}

StagedLists Lists(const std::string& bytes) {
  return {{0, std::make_shared<const std::string>(bytes)}};
}

// By somebody who has seen nothing before.
absl::StatusOr<PreparedSubmission> Prepare(
    const Submit& submit, const StagedLists& lists,
    const std::optional<StoredSubmission>& stored) {
  CheckedJobs checked;
  return PrepareSubmission(submit, lists, stored, checked);
}

TEST(SubmissionTest, AJobGetsItsExecutorCountAndDigest) {
  const absl::StatusOr<PreparedSubmission> prepared =
      Prepare({.key = "k", .jobs = {JobToJson(NoopJob())}}, {}, std::nullopt);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  ASSERT_EQ(prepared->jobs.size(), 1u);
  EXPECT_EQ(prepared->jobs[0].tasks, 1u);
  EXPECT_EQ(*prepared->jobs[0].job, NoopJob());
  EXPECT_FALSE(prepared->jobs[0].executor_reason.empty());
  EXPECT_FALSE(prepared->jobs[0].digest.empty());
  EXPECT_TRUE(prepared->items.empty());
}

TEST(SubmissionTest, TheFormDecidesTheExecutorButIsNoPartOfTheDigest) {
  Job job = NoopJob();
  job.type = "python";
  job.with = R"({"function":"m:f"})";
  std::string digest;
  for (const CodeForm form : {CodeForm::kAsync, CodeForm::kPlain}) {
    job.form = form;
    const absl::StatusOr<PreparedSubmission> prepared =
        Prepare({.key = "k", .jobs = {JobToJson(job)}}, {}, std::nullopt);
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    EXPECT_EQ(prepared->jobs[0].executor, form == CodeForm::kAsync
                                              ? ExecutorKind::kAsync
                                              : ExecutorKind::kProcessPool);
    if (digest.empty()) digest = prepared->jobs[0].digest;
    EXPECT_EQ(prepared->jobs[0].digest, digest);
  }
}

TEST(SubmissionTest, ItemsAreCountedMeasuredAndPartOfTheDigest) {
  const Submit submit = {.key = "k", .jobs = {ListJob(3)}};
  const absl::StatusOr<PreparedSubmission> one =
      Prepare(submit, Lists("1\n22\n333\n"), std::nullopt);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->jobs[0].tasks, 3u);
  EXPECT_EQ(one->jobs[0].item_bytes_max, 3u);
  ASSERT_EQ(one->items.size(), 1u);
  EXPECT_EQ(one->items[0].key, "k");
  EXPECT_EQ(one->items[0].chunks->at(0), "1\n22\n333\n");
  const absl::StatusOr<PreparedSubmission> other =
      Prepare(submit, Lists("1\n22\n444\n"), std::nullopt);
  ASSERT_TRUE(other.ok());
  EXPECT_NE(one->jobs[0].digest, other->jobs[0].digest);
}

TEST(SubmissionTest, SentAgainWithoutItsItemsItIsStillTheSame) {
  const Submit submit = {.key = "k", .jobs = {ListJob(3)}};
  const absl::StatusOr<PreparedSubmission> first =
      Prepare(submit, Lists("1\n2\n3\n"), std::nullopt);
  ASSERT_TRUE(first.ok());
  StoredSubmission stored;
  stored.digests = {first->jobs[0].digest};
  const absl::StatusOr<PreparedSubmission> again = Prepare(submit, {}, stored);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->jobs[0].digest, first->jobs[0].digest);
  EXPECT_FALSE(Prepare({.key = "k", .jobs = {ListJob(4)}}, {}, stored).ok());
  EXPECT_FALSE(Prepare(submit, {}, std::nullopt).ok());
}

TEST(SubmissionTest, WhatIsWrongIsSaid) {
  Job unknown = NoopJob();
  unknown.type = "nonsense";
  Job cannot = NoopJob();
  cannot.type = "command";
  cannot.with = R"({"argv":["true"]})";
  cannot.executor.exactly = ExecutorKind::kAsync;
  const struct {
    Submit submit;
    StagedLists lists;
    const char* says;
  } kCases[] = {
      {{.key = "", .jobs = {ListJob(1)}}, {}, "key"},
      {{.key = "k", .jobs = {}}, {}, "1 to 64"},
      {{.key = "k", .jobs = {"{"}}, {}, "job 1"},
      {{.key = "k", .jobs = {JobToJson(NoopJob()), JobToJson(unknown)}},
       {},
       "job 2"},
      {{.key = "k", .jobs = {JobToJson(cannot)}}, {}, "async"},
      {{.key = "k", .jobs = {ListJob(2)}}, Lists("1\n"), "1 items"},
      {{.key = "k", .jobs = {ListJob(1)}}, Lists("not json\n"), "job 1"},
      {{.key = "k", .jobs = {ListJob(1)}}, Lists("1"), "job 1"},
      {{.key = "k", .jobs = {ListJob(0)}}, Lists(""), "job 1"},
  };
  for (const auto& one : kCases) {
    const absl::StatusOr<PreparedSubmission> prepared =
        Prepare(one.submit, one.lists, std::nullopt);
    ASSERT_FALSE(prepared.ok()) << one.says;
    EXPECT_NE(prepared.status().ToString().find(one.says), std::string::npos)
        << prepared.status();
  }
}

TEST(SubmissionTest, AJobThatWasCheckedBeforeIsTheSameAgain) {
  CheckedJobs checked;
  const Submit submit = {.key = "k", .jobs = {JobToJson(NoopJob())}};
  const auto first = PrepareSubmission(submit, {}, std::nullopt, checked);
  const auto second = PrepareSubmission(submit, {}, std::nullopt, checked);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(checked.size(), 1u);
  const JobToAccept& job = second->jobs[0];
  EXPECT_EQ(job.job, first->jobs[0].job);  // shared, not only equal
  EXPECT_EQ(job.job_json, first->jobs[0].job_json);
  EXPECT_EQ(job.digest, first->jobs[0].digest);
  EXPECT_EQ(job.tasks, 1u);
  EXPECT_EQ(job.executor, first->jobs[0].executor);
  EXPECT_EQ(job.executor_reason, first->jobs[0].executor_reason);
}

TEST(SubmissionTest, ItemsAreLookedAtEveryTime) {
  CheckedJobs checked;
  const Submit submit = {.key = "k", .jobs = {ListJob(1)}};
  ASSERT_TRUE(
      PrepareSubmission(submit, Lists("1\n"), std::nullopt, checked).ok());
  EXPECT_EQ(checked.size(), 0u);
  EXPECT_FALSE(
      PrepareSubmission(submit, Lists("1\n2\n"), std::nullopt, checked).ok());
}

TEST(SubmissionTest, WhatDoesNotHoldUpIsRefusedEveryTime) {
  CheckedJobs checked;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(PrepareSubmission({.key = "k", .jobs = {"{}"}}, {},
                                   std::nullopt, checked)
                     .ok());
  }
  EXPECT_EQ(checked.size(), 0u);
}

TEST(SubmissionTest, OnlySoManyCheckedJobsAreKept) {
  CheckedJobs checked;
  Job job = NoopJob();
  for (size_t i = 0; i < CheckedJobs::kJobsMax + 5; ++i) {
    job.name = "job-" + std::to_string(i);
    const std::string text = JobToJson(job);
    ASSERT_TRUE(PrepareSubmission({.key = "k", .jobs = {text}}, {},
                                  std::nullopt, checked)
                    .ok());
    EXPECT_LE(checked.size(), CheckedJobs::kJobsMax);
    ASSERT_NE(checked.Find(text), nullptr);
    EXPECT_EQ(checked.Find(text)->job->name, job.name);
  }
  job.labels["long"] = std::string(CheckedJobs::kTextBytesMax, 'x');
  const std::string text = JobToJson(job);
  EXPECT_EQ(checked.Find(text), nullptr);
  checked.Keep(text, {});
  EXPECT_EQ(checked.Find(text), nullptr);
}

}  // namespace
}  // namespace remuda

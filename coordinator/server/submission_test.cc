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

TEST(SubmissionTest, AJobGetsItsExecutorCountAndDigest) {
  const absl::StatusOr<PreparedSubmission> prepared = PrepareSubmission(
      {.key = "k", .jobs = {JobToJson(NoopJob())}}, {}, std::nullopt);
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
    const absl::StatusOr<PreparedSubmission> prepared = PrepareSubmission(
        {.key = "k", .jobs = {JobToJson(job)}}, {}, std::nullopt);
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
      PrepareSubmission(submit, Lists("1\n22\n333\n"), std::nullopt);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->jobs[0].tasks, 3u);
  EXPECT_EQ(one->jobs[0].item_bytes_max, 3u);
  ASSERT_EQ(one->items.size(), 1u);
  EXPECT_EQ(one->items[0].key, "k");
  EXPECT_EQ(one->items[0].chunks->at(0), "1\n22\n333\n");
  const absl::StatusOr<PreparedSubmission> other =
      PrepareSubmission(submit, Lists("1\n22\n444\n"), std::nullopt);
  ASSERT_TRUE(other.ok());
  EXPECT_NE(one->jobs[0].digest, other->jobs[0].digest);
}

TEST(SubmissionTest, SentAgainWithoutItsItemsItIsStillTheSame) {
  const Submit submit = {.key = "k", .jobs = {ListJob(3)}};
  const absl::StatusOr<PreparedSubmission> first =
      PrepareSubmission(submit, Lists("1\n2\n3\n"), std::nullopt);
  ASSERT_TRUE(first.ok());
  StoredSubmission stored;
  stored.digests = {first->jobs[0].digest};
  const absl::StatusOr<PreparedSubmission> again =
      PrepareSubmission(submit, {}, stored);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->jobs[0].digest, first->jobs[0].digest);
  EXPECT_FALSE(
      PrepareSubmission({.key = "k", .jobs = {ListJob(4)}}, {}, stored).ok());
  EXPECT_FALSE(PrepareSubmission(submit, {}, std::nullopt).ok());
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
        PrepareSubmission(one.submit, one.lists, std::nullopt);
    ASSERT_FALSE(prepared.ok()) << one.says;
    EXPECT_NE(prepared.status().ToString().find(one.says), std::string::npos)
        << prepared.status();
  }
}

}  // namespace
}  // namespace remuda

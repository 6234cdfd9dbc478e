#include "cli/trial.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace remuda {
namespace {

constexpr ExecutorKind kAsync = ExecutorKind::kAsync;
constexpr ExecutorKind kThreadPool = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcessPool = ExecutorKind::kProcessPool;

Job Python() {
  Job job = {.name = "rows", .type = "python"};
  job.with = R"({"function":"rows:clean"})";
  job.form = CodeForm::kPlain;
  return job;
}

TEST(SampleOn, TakesTasksFromAllOverTheJob) {
  ResolvedJob job = {.job = Python()};
  job.job.tasks = {.kind = TaskSource::Kind::kRange, .from = 10, .to = 1'009};
  job.job.concurrency = 7;
  const ResolvedJob sample = SampleOn(kThreadPool, job, 4);
  EXPECT_EQ(sample.items.bytes(), "10\n260\n510\n760\n");
  EXPECT_EQ(TaskCount(sample.job.tasks), 4u);
  EXPECT_EQ(sample.job.executor.exactly, kThreadPool);
  EXPECT_EQ(sample.job.concurrency, 7u);
  EXPECT_EQ(sample.job.name, "rows-try-thread-pool");
}

TEST(SampleOn, TakesLinesOfListsAndAllOfSmallJobs) {
  ResolvedJob job = {.job = Python()};
  for (const char* item : {"\"a\"", "\"b\"", "\"c\"", "\"d\"", "\"e\""}) {
    job.items.Append(item);
  }
  job.job.tasks = {.kind = TaskSource::Kind::kList, .list_count = 5};
  EXPECT_EQ(SampleOn(kAsync, job, 2).items.bytes(), "\"a\"\n\"c\"\n");
  EXPECT_EQ(SampleOn(kAsync, job, 200).items.bytes(), job.items.bytes());
  job.job.tasks = {};
  EXPECT_EQ(SampleOn(kAsync, job, 200).items.bytes(), "null\n");
}

TEST(TrialExecutors, TheSpecsOwnComesFirst) {
  Job job = Python();
  EXPECT_EQ(*TrialExecutors(job, "all"),
            (std::vector<ExecutorKind>{kProcessPool, kThreadPool}));
  job.executor.exactly = kThreadPool;
  EXPECT_EQ(*TrialExecutors(job, "all"),
            (std::vector<ExecutorKind>{kThreadPool, kProcessPool}));
  EXPECT_EQ(*TrialExecutors(job, "process-pool,thread-pool"),
            (std::vector<ExecutorKind>{kThreadPool, kProcessPool}));
  job.form = CodeForm::kAsync;
  EXPECT_EQ(TrialExecutors(job, "all")->size(), 3u);
}

TEST(TrialExecutors, WhatIsImpossibleIsRefused) {
  EXPECT_FALSE(TrialExecutors(Python(), "async").ok());
  EXPECT_FALSE(TrialExecutors(Python(), "threads").ok());
  EXPECT_FALSE(TrialExecutors(Python(), "").ok());
  EXPECT_FALSE(TrialExecutors({.type = "nothing"}, "all").ok());
}

constexpr char kVerdict[] = R"({
  "measures": {"per_second": 9.8, "cores_used": 1.02,
               "process_bytes": 33554432},
  "predictions": [{"executor": "process-pool",
                   "gain": {"low": 1.7, "middle": 1.93, "high": 2.04}}]})";

std::vector<TrialRow> Rows() {
  TrialRow threads = {.executor = kThreadPool, .job = 1, .succeeded = 200};
  threads.took = std::chrono::seconds(21);
  AddMeasures(kVerdict, threads);
  TrialRow processes = {
      .executor = kProcessPool, .job = 2, .succeeded = 199, .others = 1};
  processes.took = std::chrono::seconds(11);
  processes.per_second = 19.6;
  processes.predicted = PredictedFor(kProcessPool, kVerdict);
  return {threads, processes};
}

TEST(Trial, ATableHasThemSideBySide) {
  EXPECT_EQ(TrialTable(Rows()),
            "executor      per second                        time        "
            "cores  MiB/process  gain    predicted\n"
            "thread-pool   9.8       ████████████            21.0 s      "
            "1.02   32           1.00x   where the spec runs it\n"
            "process-pool  19.6      ████████████████████████11.0 s      "
            "?      ?            2.0x    1.9x (1.7 to 2.0); 1 did not succeed");
}

TEST(Trial, JsonHasWhatIsNotKnownAsNull) {
  const auto body = nlohmann::json::parse(TrialJson(Rows()));
  EXPECT_EQ(body["executors"][0]["gain"], 1.0);
  EXPECT_TRUE(body["executors"][0]["predicted_gain"].is_null());
  EXPECT_EQ(body["executors"][1]["gain"], 2.0);
  EXPECT_EQ(body["executors"][1]["predicted_gain"]["middle"], 1.93);
  EXPECT_TRUE(body["executors"][1]["cores_used"].is_null());
  EXPECT_EQ(body["executors"][1]["job"], "2");
}

TEST(Trial, AVerdictThatIsNoneGivesNothing) {
  TrialRow row;
  AddMeasures("no JSON", row);
  AddMeasures("{}", row);
  EXPECT_EQ(row.per_second, std::nullopt);
  EXPECT_EQ(PredictedFor(kAsync, "no JSON"), std::nullopt);
  EXPECT_EQ(PredictedFor(kAsync, kVerdict), std::nullopt);
}

}  // namespace
}  // namespace remuda

#include "jobs/job_type.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

ExecutorChoice Choice(const Job& job, std::string_view type) {
  const auto choice = ChooseExecutor(job, *FindJobType(type));
  EXPECT_TRUE(choice.ok()) << choice.status();
  return choice.ok() ? *choice : ExecutorChoice();
}

std::string Refusal(const Job& job, std::string_view type) {
  const auto choice = ChooseExecutor(job, *FindJobType(type));
  EXPECT_FALSE(choice.ok());
  return std::string(choice.status().message());
}

TEST(JobTypeTest, TypesAreSortedAndFound) {
  std::string last;
  for (const JobType& type : ShippedJobTypes()) {
    EXPECT_LT(last, type.name);
    last = type.name;
    EXPECT_EQ(FindJobType(type.name), &type);
    EXPECT_FALSE(type.executors.empty());
    EXPECT_FALSE(type.meaning.empty());
    for (const ParameterFact& fact : type.parameters) {
      EXPECT_FALSE(fact.meaning.empty()) << fact.name;
    }
  }
  EXPECT_EQ(FindJobType("nope"), nullptr);
}

TEST(JobTypeTest, UserCodeRunsInProcessesOnly) {
  for (const JobType& type : ShippedJobTypes()) {
    if (!type.runs_user_code) continue;
    EXPECT_EQ(type.executors,
              std::vector<ExecutorKind>{ExecutorKind::kProcessPool})
        << type.name;
  }
}

TEST(ChooseExecutorTest, AutoFollowsTheTree) {
  EXPECT_EQ(Choice({}, "http.crawl").kind, ExecutorKind::kAsync);
  EXPECT_EQ(Choice({}, "sleep").kind, ExecutorKind::kAsync);
  EXPECT_EQ(Choice({}, "command").kind, ExecutorKind::kProcessPool);
  EXPECT_EQ(Choice({}, "python").kind, ExecutorKind::kProcessPool);
  EXPECT_NE(Choice({}, "command").reason.find("nothing is known"),
            std::string::npos);
  JobType type = {
      .name = "x",
      .workload = Workload::kBlocking,
      .executors = {ExecutorKind::kAsync, ExecutorKind::kThreadPool}};
  EXPECT_EQ(ChooseExecutor({}, type)->kind, ExecutorKind::kThreadPool);
  type.workload = Workload::kCpu;
  EXPECT_EQ(ChooseExecutor({}, type)->kind, ExecutorKind::kAsync);
  EXPECT_EQ(ChooseExecutor({}, type)->reason,
            "'x' can run on async and thread-pool only");
}

TEST(ChooseExecutorTest, WhatTheSpecAsksForIsKeptOrRefused) {
  Job job;
  job.executor.exactly = ExecutorKind::kThreadPool;
  EXPECT_EQ(Choice(job, "sleep").kind, ExecutorKind::kThreadPool);
  EXPECT_EQ(Refusal(job, "http.crawl"),
            "job type 'http.crawl' cannot run on the executor 'thread-pool'; "
            "it can run on async");
  job.executor = {.require = ExecutorKind::kAsync};
  EXPECT_EQ(Refusal(job, "command"),
            "job type 'command' cannot run on the executor 'async'; it can "
            "run on process-pool");
}

TEST(ChooseExecutorTest, PreferencesYield) {
  Job job;
  job.executor.prefer = ExecutorKind::kThreadPool;
  EXPECT_EQ(Choice(job, "noop").kind, ExecutorKind::kThreadPool);
  const ExecutorChoice choice = Choice(job, "python");
  EXPECT_EQ(choice.kind, ExecutorKind::kProcessPool);
  EXPECT_NE(choice.reason.find("prefers 'thread-pool'"), std::string::npos);
}

TEST(ChooseExecutorTest, HardTimeoutsNeedAProcess) {
  Job job;
  job.timeout_is_hard = true;
  EXPECT_EQ(Choice(job, "sleep").kind, ExecutorKind::kProcessPool);
  EXPECT_EQ(Choice(job, "command").kind, ExecutorKind::kProcessPool);
  EXPECT_NE(Refusal(job, "http.fetch").find("leave 'enforce' out"),
            std::string::npos);
  job.executor.exactly = ExecutorKind::kAsync;
  EXPECT_NE(Refusal(job, "sleep").find("use 'process-pool'"),
            std::string::npos);
}

}  // namespace
}  // namespace remuda

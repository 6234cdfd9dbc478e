#include "jobs/executor_choice.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace remuda {
namespace {

constexpr ExecutorKind kAsync = ExecutorKind::kAsync;
constexpr ExecutorKind kThreadPool = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcessPool = ExecutorKind::kProcessPool;

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

Job Python(CodeForm form, const std::string& workload = "") {
  Job job;
  job.type = "python";
  job.with = workload.empty()
                 ? R"({"function":"m:f"})"
                 : R"({"function":"m:f","workload":")" + workload + "\"}";
  job.form = form;
  return job;
}

TEST(ExecutorChoiceTest, ShippedTypesFollowTheTree) {
  EXPECT_EQ(Choice({}, "http.crawl").kind, kAsync);
  EXPECT_EQ(Choice({}, "sleep").kind, kAsync);
  EXPECT_EQ(Choice({}, "command").kind, kProcessPool);
  EXPECT_NE(Choice({}, "command").reason.find("nothing is known"),
            std::string::npos);
}

TEST(ExecutorChoiceTest, SaysThatTheSourceWasNotSeenWhereThatMatters) {
  const auto says = [](CodeForm form, const std::string& workload) {
    return Choice(Python(form, workload), "python")
               .reason.find("say executor: async") != std::string::npos;
  };
  EXPECT_TRUE(says(CodeForm::kUnknown, ""));
  EXPECT_TRUE(says(CodeForm::kUnknown, "io"));
  EXPECT_FALSE(says(CodeForm::kUnknown, "cpu"));
  EXPECT_FALSE(says(CodeForm::kPlain, ""));
  EXPECT_FALSE(says(CodeForm::kAsync, "io"));
  EXPECT_EQ(Choice({}, "command").reason.find("say executor: async"),
            std::string::npos);
}

TEST(ExecutorChoiceTest, UserCodeFollowsTheTree) {
  const auto kind = [](CodeForm form, const std::string& workload) {
    return Choice(Python(form, workload), "python").kind;
  };
  for (const CodeForm form :
       {CodeForm::kUnknown, CodeForm::kPlain, CodeForm::kAsync}) {
    EXPECT_EQ(kind(form, "io"),
              form == CodeForm::kAsync ? kAsync : kThreadPool);
    EXPECT_EQ(kind(form, "blocking"), kThreadPool);
    EXPECT_EQ(kind(form, "vectorized"), kProcessPool);
    EXPECT_EQ(kind(form, "cpu"), kProcessPool);
    EXPECT_EQ(kind(form, ""), form == CodeForm::kAsync ? kAsync : kProcessPool);
  }
  EXPECT_EQ(Choice(Python(CodeForm::kAsync), "python").reason,
            "'python' calls an async def, which waits side by side with "
            "others and may offload what it computes");
}

TEST(ExecutorChoiceTest, TheFormIsOfUserCodeOnly) {
  Job job;
  job.form = CodeForm::kPlain;  // said by a client, which has no say here
  EXPECT_EQ(Choice(job, "http.fetch").kind, kAsync);
}

TEST(ExecutorChoiceTest, EveryTypeHasAChoice) {
  for (const JobType& type : ShippedJobTypes()) {
    for (const CodeForm form :
         {CodeForm::kUnknown, CodeForm::kPlain, CodeForm::kAsync}) {
      Job job;
      job.form = form;
      const auto choice = ChooseExecutor(job, type);
      ASSERT_TRUE(choice.ok()) << type.name << choice.status();
      EXPECT_FALSE(choice->reason.empty());
    }
  }
}

TEST(ExecutorChoiceTest, TheRulesCoverAllFactsAndAreAllOfUse) {
  std::set<const ChoiceRule*> used;
  for (int workload = 0; workload <= static_cast<int>(Workload::kUnknown);
       ++workload) {
    for (int form = 0; form <= static_cast<int>(CodeForm::kAsync); ++form) {
      for (const bool user : {false, true}) {
        for (const ChoiceRule& rule : ChoiceRules()) {
          if (static_cast<int>(rule.workload) != workload) continue;
          if (rule.form && static_cast<int>(*rule.form) != form) continue;
          if (rule.runs_user_code && *rule.runs_user_code != user) continue;
          used.insert(&rule);
          break;
        }
      }
    }
  }
  EXPECT_EQ(used.size(), ChoiceRules().size());
}

TEST(ExecutorChoiceTest, ATypeThatCannotRunThereTakesItsNextBest) {
  JobType type = {.name = "x",
                  .workload = Workload::kBlocking,
                  .executors = {kAsync, kThreadPool}};
  EXPECT_EQ(ChooseExecutor({}, type)->kind, kThreadPool);
  type.workload = Workload::kCpu;
  EXPECT_EQ(ChooseExecutor({}, type)->kind, kAsync);
  EXPECT_EQ(ChooseExecutor({}, type)->reason,
            "'x' can run on async and thread-pool only");
}

TEST(ExecutorChoiceTest, ATypeThatCanRunNowhereIsRefused) {
  const JobType loops = {
      .name = "x", .executors = {kAsync}, .runs_user_code = true};
  const auto choice = ChooseExecutor(Python(CodeForm::kPlain), loops);
  ASSERT_FALSE(choice.ok());
  EXPECT_NE(choice.status().message().find("needs an async def"),
            std::string::npos);
}

TEST(ExecutorChoiceTest, WhatTheSpecAsksForIsKeptOrRefused) {
  Job job;
  job.executor.exactly = kThreadPool;
  EXPECT_EQ(Choice(job, "sleep").kind, kThreadPool);
  EXPECT_EQ(Refusal(job, "http.crawl"),
            "job type 'http.crawl' cannot run on the executor 'thread-pool'; "
            "it can run on async");
  job.executor = {.require = kAsync};
  EXPECT_EQ(Refusal(job, "command"),
            "job type 'command' cannot run on the executor 'async'; it can "
            "run on process-pool");
}

TEST(ExecutorChoiceTest, APlainDefIsRefusedOnAsync) {
  Job job = Python(CodeForm::kPlain);
  job.executor.exactly = kAsync;
  EXPECT_NE(Refusal(job, "python").find("use 'thread-pool'"),
            std::string::npos);
  job.form = CodeForm::kUnknown;  // the agent may know better
  EXPECT_EQ(Choice(job, "python").kind, kAsync);
  job.form = CodeForm::kAsync;
  EXPECT_EQ(Choice(job, "python").kind, kAsync);
  job.executor.exactly = kProcessPool;
  EXPECT_EQ(Choice(job, "python").kind, kProcessPool);
}

TEST(ExecutorChoiceTest, PreferencesYield) {
  Job job;
  job.executor.prefer = kThreadPool;
  EXPECT_EQ(Choice(job, "noop").kind, kThreadPool);
  ExecutorChoice choice = Choice(job, "command");
  EXPECT_EQ(choice.kind, kProcessPool);
  EXPECT_NE(choice.reason.find("prefers 'thread-pool'"), std::string::npos);
  job = Python(CodeForm::kPlain);
  job.executor.prefer = kAsync;
  choice = Choice(job, "python");
  EXPECT_EQ(choice.kind, kProcessPool);
  EXPECT_NE(choice.reason.find("needs an async def; 'python'"),
            std::string::npos)
      << choice.reason;
}

TEST(ExecutorChoiceTest, HardTimeoutsNeedAProcess) {
  Job job;
  job.timeout_is_hard = true;
  EXPECT_EQ(Choice(job, "sleep").kind, kProcessPool);
  EXPECT_EQ(Choice(job, "command").kind, kProcessPool);
  EXPECT_NE(Refusal(job, "http.fetch").find("leave 'enforce' out"),
            std::string::npos);
  job.executor.exactly = kAsync;
  EXPECT_NE(Refusal(job, "sleep").find("use 'process-pool'"),
            std::string::npos);
  job = Python(CodeForm::kAsync, "io");
  job.timeout_is_hard = true;
  EXPECT_EQ(Choice(job, "python").kind, kProcessPool);
}

TEST(ExecutorChoiceTest, AWorkloadThatDoesNotExistIsRefused) {
  EXPECT_EQ(Refusal(Python(CodeForm::kPlain, "gpu"), "python"),
            "with.workload is one of io, blocking, cpu and vectorized, not "
            "\"gpu\"");
  EXPECT_NE(Refusal(Python(CodeForm::kPlain, "unknown"), "python"), "");
  EXPECT_NE(Refusal(Python(CodeForm::kPlain, "{{item}}"), "python"), "");
}

TEST(ExecutorChoiceTest, OthersSayWhyNot) {
  const JobType& python = *FindJobType("python");
  auto others = OtherExecutors(Python(CodeForm::kPlain, "io"), python);
  ASSERT_TRUE(others.ok());
  ASSERT_EQ(others->size(), 2u);
  EXPECT_EQ(others->at(0).kind, kAsync);
  EXPECT_FALSE(others->at(0).is_possible);
  EXPECT_NE(others->at(0).why_not.find("plain def"), std::string::npos);
  EXPECT_EQ(others->at(1).kind, kProcessPool);
  EXPECT_TRUE(others->at(1).is_possible);
  EXPECT_FALSE(others->at(1).why_not.empty());

  Job job = Python(CodeForm::kAsync);
  job.executor.prefer = kProcessPool;
  others = OtherExecutors(job, python);
  ASSERT_TRUE(others.ok());
  EXPECT_NE(others->at(0).why_not.find("`auto` would choose it"),
            std::string::npos);
}

TEST(ExecutorChoiceTest, TheDocumentedTableIsThisOne) {
  std::stringstream text;
  text << std::ifstream("docs/EXECUTORS.md").rdbuf();
  EXPECT_NE(text.str().find(ChoiceTableMarkdown()), std::string::npos)
      << "docs/EXECUTORS.md has to hold this:\n"
      << ChoiceTableMarkdown();
}

TEST(SafeExecutorsTest, ArePythonsOnlyIfTheSpecDeclaresThem) {
  using Kinds = std::vector<ExecutorKind>;
  Job job;
  job.type = "python";
  job.form = CodeForm::kPlain;
  const JobType& python = *FindJobType("python");
  EXPECT_EQ(SafeExecutors(job, python), Kinds());
  job.executor.safe_on = {ExecutorKind::kThreadPool, ExecutorKind::kAsync};
  // A plain def cannot run on a loop.
  EXPECT_EQ(SafeExecutors(job, python), Kinds{ExecutorKind::kThreadPool});
  job.form = CodeForm::kAsync;
  EXPECT_EQ(SafeExecutors(job, python), job.executor.safe_on);
  job.timeout_is_hard = true;
  EXPECT_EQ(SafeExecutors(job, python), Kinds());
  job.timeout_is_hard = false;
  job.executor.pinned = ExecutorKind::kThreadPool;
  EXPECT_EQ(SafeExecutors(job, python), Kinds());
  EXPECT_EQ(ChooseExecutor(job, python)->kind, ExecutorKind::kThreadPool);
  EXPECT_EQ(ChooseExecutor(job, python)->reason, "remuda.lock.yaml pins it");
  job.executor.pinned = ExecutorKind::kAsync;
  job.form = CodeForm::kPlain;
  EXPECT_NE(std::string(ChooseExecutor(job, python).status().message())
                .find("the lock file pins 'async', but "),
            std::string::npos);
}

TEST(SafeExecutorsTest, OtherTypesSayItThemselves) {
  Job job;
  job.type = "noop";
  const JobType& noop = *FindJobType("noop");
  EXPECT_EQ(SafeExecutors(job, noop), noop.executors);
  job.executor.prefer = ExecutorKind::kAsync;
  EXPECT_TRUE(SafeExecutors(job, noop).empty());
}

}  // namespace
}  // namespace remuda

#include "jobs/job_json.h"

#include <gtest/gtest.h>

#include "jobs/json_text.h"

namespace remuda {
namespace {

Job FullJob() {
  Job job;
  job.name = "crawl-titles";
  job.labels = {{"team", "search"}, {"ö", "ü"}};
  job.type = "http.crawl";
  job.executor.prefer = ExecutorKind::kThreadPool;
  job.queue = "night";
  job.priority = -7;
  job.tasks.kind = TaskSource::Kind::kMatrix;
  job.tasks.written = TaskSource::Written::kMatrix;
  job.tasks.axes = {{"z", {"1", "2.5"}}, {"a", {"\"x\"", "null", "[1,{}]"}}};
  job.with = R"({"depth":[1,2],"url":"{{z}}"})";
  job.concurrency = 50;
  job.timeout = std::chrono::milliseconds(1500);
  job.timeout_is_hard = true;
  job.retry.attempts_max = 4;
  job.retry.initial = std::chrono::milliseconds(10);
  job.retry.factor = 1.1;
  job.retry.on_error = false;
  job.retry.on_exit = {{3, 3}, {64, 78}};
  job.resources = {.cpu = 4, .memory_bytes = uint64_t{256} << 20};
  job.success.failed_max = 5;
  job.success.failed_max_percent = 0.1;
  return job;
}

std::string Refusal(const std::string& json) {
  const auto job = JobFromJson(json);
  EXPECT_FALSE(job.ok()) << json;
  return std::string(job.status().message());
}

TEST(JobJsonTest, EveryMemberComesBack) {
  const auto back = JobFromJson(JobToJson(FullJob()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, FullJob());
  Job range = FullJob();
  range.tasks = {};
  range.tasks.kind = TaskSource::Kind::kRange;
  range.tasks.from = INT64_MIN;
  range.tasks.to = INT64_MIN + 10;
  range.tasks.step = 3;
  range.executor = {.exactly = ExecutorKind::kAsync};
  EXPECT_EQ(JobFromJson(JobToJson(range)).value(), range);
}

TEST(JobJsonTest, OutputsComeBackAndAreAbsolute) {
  Job job = FullJob();
  job.type = "command";
  job.outputs = {"/results", {"*.txt", "a/*"}};
  EXPECT_EQ(JobFromJson(JobToJson(job)).value(), job);
  job.outputs.to = "results";
  EXPECT_EQ(Refusal(JobToJson(job)), "outputs.to is not an absolute path");
  job.outputs = {"/results", {"../a"}};
  EXPECT_NE(Refusal(JobToJson(job)).find("leaves the task"), std::string::npos);
}

TEST(JobJsonTest, ItemsAndPathsStayBehind) {
  Job job = FullJob();
  job.tasks = {};
  job.tasks.kind = TaskSource::Kind::kList;
  job.tasks.written = TaskSource::Written::kLines;
  job.tasks.list_count = 12;
  Job local = job;
  local.tasks.path = "/home/somebody/urls.txt";
  local.tasks.inline_items = {"1"};
  EXPECT_EQ(JobToJson(local), JobToJson(job));
  EXPECT_EQ(JobFromJson(JobToJson(local)).value(), job);
}

TEST(JobJsonTest, TheTextIsCanonical) {
  const std::string json = JobToJson(FullJob());
  EXPECT_EQ(*CanonicalJson(json), json);
  EXPECT_EQ(JobToJson(JobFromJson(json).value()), json);
}

TEST(JobJsonTest, WhatIsLeftOutHasItsDefault) {
  const auto job = JobFromJson(R"({"name":"a","type":"noop"})");
  ASSERT_TRUE(job.ok()) << job.status();
  Job expected;
  expected.name = "a";
  expected.type = "noop";
  EXPECT_EQ(*job, expected);
}

TEST(JobJsonTest, TheWrongMemberIsNamed) {
  EXPECT_EQ(Refusal("nope"), "the job is not JSON");
  EXPECT_EQ(Refusal("[]"), "the job is not an object");
  EXPECT_EQ(Refusal(R"({"name":"a","type":"x","colour":1})"),
            "colour is not known here");
  EXPECT_EQ(Refusal(R"({"name":"a","type":"x","retry":{"often":1}})"),
            "retry.often is not known here");
  EXPECT_EQ(Refusal(R"({"name":"a","type":"x","priority":"high"})"),
            "priority is not an integer in its range");
  EXPECT_EQ(Refusal(R"({"name":"a","type":"x","priority":3000000000})"),
            "priority is not an integer in its range");
  EXPECT_EQ(Refusal(R"({"name":"a","type":"x","with":[]})"),
            "with is not an object");
  EXPECT_EQ(Refusal(R"({"name":"a","type":"x","labels":{"a":1}})"),
            "labels has a value that is not text");
  EXPECT_EQ(Refusal(R"({"name":"a","type":"x","executor":{"exactly":"x"}})"),
            "executor.exactly is not an executor");
}

TEST(JobJsonTest, ValuesOutOfRangeAreRefused) {
  const std::string begin = R"({"name":"a","type":"x",)";
  EXPECT_EQ(Refusal(begin + R"("tasks":{"kind":"range","step":0}})"),
            "tasks.step is 0");
  EXPECT_EQ(Refusal(begin + R"("tasks":{"kind":"list"}})"),
            "the job has no tasks");
  EXPECT_EQ(Refusal(begin + R"("tasks":{"kind":"range","to":2000000000}})"),
            "the job has more than 1000000000 tasks");
  EXPECT_EQ(Refusal(begin + R"("tasks":{"kind":"matrix"}})"),
            "tasks.axes has none or too many");
  EXPECT_EQ(Refusal(begin + R"("retry":{"factor":0.5}})"),
            "retry.factor is not from 1 to 1000");
  EXPECT_EQ(Refusal(begin + R"("success":{"failed_max_percent":101}})"),
            "success.failed_max_percent is not from 0 to 100");
  EXPECT_EQ(Refusal(begin + R"("timeout_is_hard":true})"),
            "a hard timeout needs a time");
  EXPECT_NE(Refusal(R"({"name":"A b","type":"x"})").find("a name has"),
            std::string::npos);
}

TEST(JobJsonTest, HostileTextIsRefused) {
  EXPECT_FALSE(JobFromJson(std::string(100'000, '[')).ok());
  EXPECT_FALSE(JobFromJson("{\"name\":\"\xff\"}").ok());
  EXPECT_FALSE(JobFromJson("").ok());
  std::string axes = R"({"name":"a","type":"x","tasks":{"kind":"matrix",)"
                     R"("axes":[)";
  for (int i = 0; i < 33; ++i) {
    axes += (i > 0 ? "," : "") + std::string(R"({"name":"a)") +
            std::to_string(i) + R"(","values":[1]})";
  }
  EXPECT_EQ(Refusal(axes + "]}}"), "tasks.axes has none or too many");
}

TEST(JobJsonTest, TheFormTravelsWhereItIsKnown) {
  Job job = *JobFromJson(R"({"name":"x","type":"noop"})");
  EXPECT_EQ(JobToJson(job).find("form"), std::string::npos);
  job.form = CodeForm::kAsync;
  EXPECT_NE(JobToJson(job).find(R"("form":"async")"), std::string::npos);
  EXPECT_EQ(JobFromJson(JobToJson(job))->form, CodeForm::kAsync);
  EXPECT_FALSE(JobFromJson(R"({"name":"x","type":"noop","form":"odd"})").ok());
}

}  // namespace
}  // namespace remuda

#include "wire/reply_json.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace remuda {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr WallTime kNow{seconds(1000)};

JobSummary Summary() {
  JobSummary job;
  job.id = JobId{3};
  job.name = "crawl";
  job.type = "http.crawl";
  job.state = JobState::kFailed;
  job.executor = ExecutorKind::kAsync;
  job.total = 10;
  job.tasks[static_cast<size_t>(TaskState::kSucceeded)] = 7;
  job.tasks[static_cast<size_t>(TaskState::kFailed)] = 3;
  job.attempts = 12;
  job.accepted_at = WallTime(seconds(900));
  job.started_at = WallTime(seconds(990));
  job.reason = "3 of 10 tasks failed";
  return job;
}

TEST(JobsJsonTest, HasTheFixedMembers) {
  const json all = json::parse(JobsJson({Summary()}, kNow));
  const json job = all["jobs"][0];
  EXPECT_EQ(job["id"], "3");
  EXPECT_EQ(job["name"], "crawl");
  EXPECT_EQ(job["state"], "failed");
  EXPECT_EQ(job["tasks"], json::parse(R"({"total":10,"pending":0,"running":0,
      "succeeded":7,"failed":3,"timed_out":0,"cancelled":0,"lost":0,
      "skipped":0})"));
  EXPECT_EQ(job["attempts"], 12);
  EXPECT_EQ(job["duration_seconds"], 10.0);
  EXPECT_TRUE(job["owner"].is_null()) << "nobody but this machine's users";
}

TEST(JobsJsonTest, FindingsHaveNullForWhatIsUnknown) {
  JobSummary job = Summary();
  EXPECT_EQ(json::parse(JobJson(job, kNow))["findings"], json::array());
  job.findings = {{.code = "loop_blocked",
                   .text = "time.sleep blocks the event loop",
                   .function = "work",
                   .file = "/a.py",
                   .line = 3,
                   .task = 0,
                   .count = 12,
                   .longest = seconds(2)},
                  {.code = "gil_enabled", .text = "an import"}};
  EXPECT_EQ(json::parse(JobJson(job, kNow))["findings"], json::parse(R"([
      {"code":"loop_blocked","text":"time.sleep blocks the event loop",
       "function":"work","file":"/a.py","line":3,"task":0,"count":12,
       "longest_seconds":2.0},
      {"code":"gil_enabled","text":"an import","function":null,"file":null,
       "line":null,"task":null,"count":1,"longest_seconds":null}])"));
}

TEST(TaskJsonTest, EmbedsOutputAndItemAsJson) {
  TaskRow task;
  task.index = 4;
  task.item = R"({"n":1})";
  task.state = TaskState::kSucceeded;
  task.attempts = 1;
  task.wall = std::chrono::milliseconds(250);
  task.agent = "a1";
  task.output = R"([1,"two"])";
  EXPECT_EQ(TaskJson(task),
            R"({"index":4,"item":{"n":1},"state":"succeeded","attempts":1,)"
            R"("executor":"process-pool","agent":"a1",)"
            R"("duration_seconds":0.25,"output":[1,"two"],"error":null})");
}

TEST(TaskJsonTest, UnknownIsNull) {
  const json row = json::parse(TaskJson(TaskRow()));
  EXPECT_TRUE(row["item"].is_null());
  EXPECT_TRUE(row["agent"].is_null());
  EXPECT_TRUE(row["duration_seconds"].is_null());
  EXPECT_TRUE(row["output"].is_null());
}

TEST(TaskJsonTest, WhatIsNotJsonBecomesText) {
  TaskRow task;
  task.output = "{broken \xff";
  EXPECT_TRUE(json::parse(TaskJson(task))["output"].is_string());
}

TEST(AgentsJsonTest, HasTheFixedMembers) {
  AgentSummary agent;
  agent.id = AgentId{2};
  agent.executors = {{"async", 10'000}};
  agent.labels = {{"zone", "a"}};
  agent.job_types = {"noop", "perl.eval"};
  const json row = json::parse(AgentsJson({agent}))["agents"][0];
  EXPECT_EQ(row["id"], "2");
  EXPECT_EQ(row["state"], "online");
  EXPECT_EQ(row["executors"]["async"], 10'000);
  EXPECT_EQ(row["labels"]["zone"], "a");
  EXPECT_EQ(row["job_types"], (json{"noop", "perl.eval"}));
}

TEST(JobJsonTest, IsOneOfTheList) {
  JobSummary job = Summary();
  job.owner = "alice";
  const json one = json::parse(JobJson(job, kNow));
  EXPECT_EQ(one, json::parse(JobsJson({job}, kNow))["jobs"][0]);
  EXPECT_EQ(one["owner"], "alice");
}

TEST(InlineStreamTest, IsTextOrBytesOrNothing) {
  const std::string output =
      R"({"stdout":"hello\n","stderr":{"base64":"/wA="},"other":7})";
  EXPECT_EQ(InlineStream(output, "stdout"), "hello\n");
  EXPECT_EQ(InlineStream(output, "stderr"), std::string("\xff\0", 2));
  EXPECT_EQ(InlineStream(output, "other"), "");
  EXPECT_EQ(InlineStream(output, "missing"), "");
  EXPECT_EQ(InlineStream("{broken", "stdout"), "");
  EXPECT_EQ(InlineStream(R"({"stdout":{"base64":"***"}})", "stdout"), "");
}

}  // namespace
}  // namespace remuda

#include "jobs/verdict/verdict_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "jobs/verdict/synthetic_work.h"

namespace remuda {
namespace {

using nlohmann::json;

JudgedWork Judged(WorkToJudge work) {
  JudgedWork judged = {.type = "python",
                       .function = "rows:clean",
                       .job = {12},
                       .of_job = true,
                       .executor_reason = "the spec asks for it",
                       .work = std::move(work)};
  judged.verdict = Judge(judged.work);
  return judged;
}

WorkToJudge TwoThreads() {
  WorkToJudge work = WorkOf(
      {.locked = 0.1},
      {.executor = ExecutorKind::kThreadPool, .at_once = 2, .processes = 1});
  work.concurrency = 2;
  return work;
}

TEST(VerdictJson, SaysAllThatTheSentenceSays) {
  const json body = json::parse(VerdictToJson(Judged(TwoThreads())));
  EXPECT_EQ(body["type"], "python");
  EXPECT_EQ(body["function"], "rows:clean");
  EXPECT_EQ(body["executor"], "thread-pool");
  EXPECT_EQ(body["job"], "12");
  EXPECT_EQ(body["of_job"], true);
  EXPECT_EQ(body["code"], "move");
  EXPECT_EQ(body["bound"], "lock");
  EXPECT_EQ(body["best"], "process-pool");
  EXPECT_NEAR(body["gain"]["middle"].get<double>(), 2, 0.1);
  EXPECT_EQ(body["predictions"][0]["executor"], "process-pool");
  EXPECT_TRUE(body["predictions"][0]["memory_bytes"].is_null());
  EXPECT_NEAR(body["measures"]["gil_wait_share"].get<double>(), 0.5, 0.01);
  EXPECT_NE(body["sentence"].get<std::string>().find("set `executor"),
            std::string::npos);
}

TEST(VerdictJson, WhatIsNotKnownIsNull) {
  WorkToJudge work = TwoThreads();
  work.evidence = {};
  JudgedWork judged = Judged(std::move(work));
  judged.function = "";
  EXPECT_EQ(WorkTitle(judged), "python");
  const json body = json::parse(VerdictToJson(judged));
  EXPECT_TRUE(body["function"].is_null());
  EXPECT_TRUE(body["best"].is_null());
  EXPECT_TRUE(body["measures"]["cpu_share"].is_null());
  EXPECT_TRUE(body["measures"]["cores_used"].is_null());
}

TEST(VerdictJson, AFindingIsSaidInItsOwnWords) {
  WorkToJudge work = TwoThreads();
  work.blocks_its_loop = true;
  JudgedWork judged = Judged(std::move(work));
  judged.finding = "time.sleep in fetch (a.py:7) blocks";
  const json body = json::parse(VerdictToJson(judged));
  EXPECT_EQ(body["advice"][0]["code"], "blocks");
  EXPECT_EQ(body["advice"][0]["text"], "time.sleep in fetch (a.py:7) blocks");
}

}  // namespace
}  // namespace remuda

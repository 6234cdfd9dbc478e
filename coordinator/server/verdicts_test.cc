#include "coordinator/server/verdicts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/check.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_test_support.h"

namespace remuda {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Jobs of two at once, on agents of two cores, in a store.
class VerdictsTest : public ::testing::Test {
 protected:
  VerdictsTest()
      : folder_(
            std::string(::testing::TempDir()) + "/verdicts_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    absl::StatusOr<Store> store = Store::Open({.folder = folder_});
    CHECK_OK(store);
    store_.emplace(*std::move(store));
    AgentRegistered agent = TestAgent({1});
    agent.executors = {{.kind = ExecutorKind::kAsync, .slots = 100},
                       {.kind = ExecutorKind::kThreadPool, .slots = 64},
                       {.kind = ExecutorKind::kProcessPool, .slots = 2}};
    Commit(agent);
    absl::StatusOr<StoreReader> reader =
        StoreReader::Open(folder_ + "/remuda.sqlite");
    CHECK_OK(reader);
    reader_.emplace(*std::move(reader));
  }
  ~VerdictsTest() override { std::filesystem::remove_all(folder_); }

  void Commit(Event event) {
    CommitUnit unit;
    unit.output.events.push_back(std::move(event));
    CHECK_OK(store_->Commit({&unit, 1}));
  }

  struct Ran {
    std::string type = "python";
    std::string function = "rows:clean";
    ExecutorKind executor = ExecutorKind::kThreadPool;
    std::string owner;
    uint64_t tasks = 40;
    Duration wall = milliseconds(100);
    Usage usage;
    std::string more = {};  // of its parameters
  };

  // The job and its attempts, two at a time.
  void Run(JobId id, const Ran& ran) {
    Job job = {.name = "test", .type = ran.type};
    job.tasks = {.kind = TaskSource::Kind::kRange,
                 .to = static_cast<int64_t>(ran.tasks) - 1};
    job.with = "{\"function\":\"" + ran.function + "\"" + ran.more + "}";
    job.concurrency = 2;
    JobAccepted accepted =
        TestAccepted(id, "key" + std::to_string(id.value), job, ran.tasks);
    accepted.owner = ran.owner;
    accepted.job_json = std::make_shared<const std::string>(JobToJson(job));
    accepted.job = std::make_shared<const Job>(std::move(job));
    accepted.executor = ran.executor;
    Commit(std::move(accepted));
    std::vector<AttemptRecord> records;
    for (uint64_t task = 0; task < ran.tasks; ++task) {
      const auto turn = static_cast<int64_t>(task / 2 + 1);
      records.push_back({.task = task,
                         .fence = {1},
                         .ended_at = WallTime(seconds(5'000) + ran.wall * turn),
                         .wall = ran.wall,
                         .usage = ran.usage});
    }
    AttemptsEnded ended = {.job = id,
                           .agent = {1},
                           .executor = ran.executor,
                           .at = records.back().ended_at};
    ended.runs.push_back(
        {.ended = {.tasks = {.first = 0, .count = ran.tasks}, .fence = {1}},
         .state = TaskState::kSucceeded});
    ended.records =
        std::make_shared<const std::string>(EncodeAttemptRecords(records));
    Commit(std::move(ended));
    Commit(JobFinished{.job = id, .at = WallTime(seconds(6'000))});
  }

  std::vector<json> Ask(JobId job,
                        const StoreReader::Owner& owner = std::nullopt) {
    const auto reply = ReadVerdicts(*reader_, {.job = job}, owner);
    CHECK_OK(reply);
    std::vector<json> verdicts;
    for (const std::string& text : reply->verdicts) {
      verdicts.push_back(json::parse(text));
    }
    return verdicts;
  }

  const std::string folder_;
  std::optional<Store> store_;
  std::optional<StoreReader> reader_;
};

constexpr Usage kTakesTurns = {.cpu = milliseconds(50),
                               .gil_wait = milliseconds(50)};
constexpr Usage kComputes = {.cpu = milliseconds(99),
                             .gil_wait = Duration::zero()};

TEST_F(VerdictsTest, OfAJobIsFromItsOwnAttempts) {
  Run({1}, {.usage = kComputes});
  Run({2}, {.usage = kTakesTurns});
  const std::vector<json> found = Ask({2});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["code"], "move");
  EXPECT_EQ(found[0]["best"], "process-pool");
  EXPECT_EQ(found[0]["cores"], 2);
  EXPECT_EQ(found[0]["executor_reason"], "asked for");
  EXPECT_EQ(found[0]["measures"]["attempts"], 40);
  EXPECT_EQ(Ask({1}).at(0)["code"], "stay");
}

TEST_F(VerdictsTest, OfAllWorkTheWorstComesFirst) {
  Run({1}, {.function = "a:stays", .usage = kComputes});
  Run({2}, {.function = "a:turns", .usage = kTakesTurns});
  Run({3}, {.function = "a:few", .tasks = 2, .usage = kComputes});
  const std::vector<json> found = Ask({});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0]["function"], "a:turns");
  EXPECT_EQ(found[1]["function"], "a:stays");
  EXPECT_EQ(found[2]["function"], "a:few");
  EXPECT_EQ(found[2]["code"], "too_few");
}

TEST_F(VerdictsTest, APlainFunctionIsNeverToldToBeAsync) {
  Run({1}, {.executor = ExecutorKind::kProcessPool,
            .usage = {.cpu = milliseconds(1)}});
  for (const json& one : Ask({1}).at(0)["predictions"]) {
    EXPECT_NE(one["executor"], "async");
  }
}

TEST_F(VerdictsTest, WhatIsSetUpForALoopStaysThere) {
  const Usage waits = {.cpu = milliseconds(1)};
  Run({1}, {.executor = ExecutorKind::kAsync, .usage = waits});
  EXPECT_FALSE(Ask({1}).at(0)["predictions"].empty());
  Run({2}, {.executor = ExecutorKind::kAsync,
            .usage = waits,
            .more = R"(,"setup":{"session":"a:open"})"});
  EXPECT_TRUE(Ask({2}).at(0)["predictions"].empty());
  Run({3}, {.usage = kTakesTurns, .more = R"(,"setup":{"db":"a:open"})"});
  EXPECT_FALSE(Ask({3}).at(0)["predictions"].empty());
}

TEST_F(VerdictsTest, ATypeThatIsNotKnownHereHasNoOthers) {
  Run({1}, {.type = "plugin.of.another", .usage = kComputes});
  const json found = Ask({1}).at(0);
  EXPECT_EQ(found["type"], "plugin.of.another");
  EXPECT_EQ(found["predictions"].size(), 0u);
  EXPECT_EQ(found["code"], "stay");
}

TEST_F(VerdictsTest, OwnersSeeTheirOwn) {
  Run({1}, {.owner = "alice", .usage = kComputes});
  EXPECT_EQ(Ask({}, "alice").size(), 1u);
  EXPECT_EQ(Ask({}, "bob").size(), 0u);
  EXPECT_TRUE(
      absl::IsNotFound(ReadVerdicts(*reader_, {.job = {1}}, "bob").status()));
  EXPECT_TRUE(absl::IsNotFound(
      ReadVerdicts(*reader_, {.job = {7}}, std::nullopt).status()));
}

TEST_F(VerdictsTest, AFindingOfALoopComesWithIt) {
  Run({1}, {.executor = ExecutorKind::kAsync, .usage = kComputes});
  FindingsNoted noted = {.job = {1}, .at = WallTime(seconds(5'001))};
  noted.entries.push_back({.place = 0, .finding = TestFinding(7)});
  Commit(std::move(noted));
  const json advice = Ask({1}).at(0)["advice"];
  ASSERT_GE(advice.size(), 1u);
  EXPECT_EQ(advice[0]["code"], "blocks");
  EXPECT_EQ(advice[0]["text"], TestFinding(7).text);
}

TEST_F(VerdictsTest, WhatDoesNotFitIntoAMessageIsLeftOut) {
  for (uint64_t id = 1; id <= 600; ++id) {
    Run({id}, {.function = std::string(190, 'x') + std::to_string(id),
               .tasks = 8,
               .usage = kComputes});
  }
  const auto reply = ReadVerdicts(*reader_, {}, std::nullopt);
  ASSERT_TRUE(reply.ok());
  size_t bytes = 0;
  for (const std::string& text : reply->verdicts) bytes += text.size();
  EXPECT_LE(bytes, StoreReader::kReplyBytesMax);
  EXPECT_GT(reply->verdicts.size(), 100u);
  EXPECT_LT(reply->verdicts.size(), 600u);
}

}  // namespace
}  // namespace remuda

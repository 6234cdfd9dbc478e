#include "coordinator/store/history.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "coordinator/store/store_test_support.h"

namespace remuda {
namespace {

const WallTime kAt = WallTime(std::chrono::nanoseconds(1'784'000'000'000'001));

std::vector<Event> OneOfEach() {
  Job job;
  job.with = R"({"text":"\u0000\"quoted\""})";
  JobAccepted accepted = TestAccepted({5}, "a key", job, 10);
  accepted.document = 3;
  accepted.item_bytes_max = 99;
  AttemptsEnded ended;
  ended.job = {5};
  ended.agent = {2};
  ended.executor = ExecutorKind::kThreadPool;
  ended.runs = {{.ended = {.tasks = {.first = 3, .count = 4},
                           .fence = {2},
                           .ending = Ending::kCrash,
                           .exit_code = -11},
                 .state = TaskState::kPending,
                 .not_before = kAt},
                {.ended = {.tasks = {.first = 9, .count = 1},
                           .fence = {1},
                           .ending = Ending::kEvicted,
                           .started = false},
                 .state = TaskState::kPending}};
  ended.at = kAt;
  return {TermStarted{.term = {8}, .at = kAt},
          TestAgent({2}),
          AgentLeft{.agent = {2}, .reason = "silent", .at = kAt},
          accepted,
          TestGrant({6}, {5}, {.first = 0, .count = 10}, {1}),
          ended,
          TasksReturned{.job = {5},
                        .agent = {2},
                        .tasks = {.job = {5},
                                  .tasks = {.first = 1, .count = 2},
                                  .fence = {3}},
                        .charged = true,
                        .state = TaskState::kLost,
                        .reason = "the agent was lost",
                        .at = kAt},
          JobCancelRequested{.job = {5}, .reason = "by hand", .at = kAt},
          JobFinished{.job = {5},
                      .state = JobState::kCancelled,
                      .reason = "cancelled",
                      .at = kAt},
          FindingsNoted{.job = {5},
                        .entries = {{.place = 0, .finding = TestFinding(3)},
                                    {.place = 4, .finding = {.code = "other"}}},
                        .at = kAt},
          ExecutorChosen{.job = {5},
                         .executor = ExecutorKind::kThreadPool,
                         .reason = "moved",
                         .at = kAt}};
}

TEST(HistoryTest, EveryKindComesBackTheSame) {
  const std::vector<Event> events = OneOfEach();
  ASSERT_EQ(events.size(), std::variant_size_v<Event>);
  for (size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(events[i].index(), i) << "one of each kind, in their order";
    const HistoryRow row = ToHistory(events[i]);
    const absl::StatusOr<Event> back = FromHistory(row);
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(back->index(), i);
    const HistoryRow again = ToHistory(*back);
    EXPECT_EQ(again.body, row.body);
    EXPECT_EQ(again.kind, row.kind);
    EXPECT_EQ(again.at, row.at);
    EXPECT_EQ(again.job, row.job);
  }
}

TEST(HistoryTest, WhatRunsSayIsKept) {
  const absl::StatusOr<Event> back = FromHistory(ToHistory(OneOfEach()[5]));
  ASSERT_TRUE(back.ok());
  const auto& ended = std::get<AttemptsEnded>(*back);
  ASSERT_EQ(ended.runs.size(), 2u);
  EXPECT_EQ(ended.runs[0].ended.tasks, (IndexRange{.first = 3, .count = 4}));
  EXPECT_EQ(ended.runs[0].ended.ending, Ending::kCrash);
  EXPECT_EQ(ended.runs[0].ended.exit_code, -11);
  EXPECT_EQ(ended.runs[0].not_before, kAt);
  EXPECT_FALSE(ended.runs[1].ended.started);
  EXPECT_EQ(ended.executor, ExecutorKind::kThreadPool);
  EXPECT_EQ(ended.at, kAt);
}

TEST(HistoryTest, FindingsAreKeptWhole) {
  const absl::StatusOr<Event> back = FromHistory(ToHistory(OneOfEach()[9]));
  ASSERT_TRUE(back.ok());
  const auto& noted = std::get<FindingsNoted>(*back);
  ASSERT_EQ(noted.entries.size(), 2u);
  EXPECT_EQ(noted.entries[0].finding, TestFinding(3));
  EXPECT_EQ(noted.entries[1].place, 4u);
  EXPECT_EQ(noted.entries[1].finding, JobFinding{.code = "other"});
}

TEST(HistoryTest, TheJobComesBackWhole) {
  const Event event = OneOfEach()[3];
  const absl::StatusOr<Event> back = FromHistory(ToHistory(event));
  ASSERT_TRUE(back.ok());
  const auto& before = std::get<JobAccepted>(event);
  const auto& after = std::get<JobAccepted>(*back);
  EXPECT_EQ(*after.job, *before.job);
  EXPECT_EQ(*after.job_json, *before.job_json);
  EXPECT_EQ(after.document, 3u);
  EXPECT_EQ(after.item_bytes_max, 99u);
}

TEST(HistoryTest, AJobOfBeforeItStoodApartIsRead) {
  HistoryRow row = ToHistory(OneOfEach()[3]);
  EXPECT_EQ(row.body.find("quoted"), std::string::npos) << "stands twice";
  const std::string job = nlohmann::json(*row.definition).dump();
  row.definition = nullptr;
  EXPECT_TRUE(absl::IsDataLoss(FromHistory(row).status()));
  row.body.insert(row.body.size() - 1, ",\"job\":" + job);
  const absl::StatusOr<Event> back = FromHistory(row);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*std::get<JobAccepted>(*back).job_json,
            *std::get<JobAccepted>(OneOfEach()[3]).job_json);
}

TEST(HistoryTest, BytesThatAreNoTextAreReplaced) {
  const HistoryRow row = ToHistory(
      JobCancelRequested{.job = {1}, .reason = "\xff\xfe", .at = kAt});
  EXPECT_TRUE(FromHistory(row).ok());
}

TEST(HistoryTest, DamagedRowsAreRefused) {
  for (const HistoryRow& row : std::vector<HistoryRow>{
           {.at = kAt, .kind = "no_such_kind", .job = {}, .body = "{}"},
           {.at = kAt, .kind = "job_finished", .job = {1}, .body = "{}"},
           {.at = kAt, .kind = "job_finished", .job = {1}, .body = "{"},
           {.at = kAt,
           .kind = "job_finished",
           .job = {1},
           .body = R"({"state":200,"reason":""})"},
           {.at = kAt,
           .kind = "attempts_ended",
           .job = {1},
           .body = R"({"agent":1,"executor":"abacus","runs":[]})"},
           {.at = kAt,
           .kind = "attempts_ended",
           .job = {1},
           .body = R"({"agent":1,"executor":"async","runs":[[1,2]]})"}}) {
    EXPECT_TRUE(absl::IsDataLoss(FromHistory(row).status())) << row.body;
  }
}

}  // namespace
}  // namespace remuda

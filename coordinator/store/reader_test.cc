#include "coordinator/store/reader.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/check.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_test_support.h"
#include "jobs/items.h"

namespace remuda {
namespace {

class StoreReaderTest : public ::testing::Test {
 protected:
  StoreReaderTest()
      : folder_(Fresh()), store_(*Store::Open({.folder = folder_})) {
    absl::StatusOr<StoreReader> reader =
        StoreReader::Open(store_.folder().database_path());
    CHECK_OK(reader);
    reader_.emplace(*std::move(reader));
    CommitUnit agent;
    agent.output.events.push_back(TestAgent({1}));
    Commit(std::move(agent));
  }
  ~StoreReaderTest() override { std::filesystem::remove_all(folder_); }

  static std::string Fresh() {
    std::string folder =
        std::string(::testing::TempDir()) + "/reader_" +
        ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder);
    return folder;
  }

  void Commit(CommitUnit unit) { CHECK_OK(store_.Commit({&unit, 1})); }

  // One attempt of a task, as agents record it.
  static AttemptRecord Record(TaskIndex task, uint32_t fence,
                              const std::string& output) {
    AttemptRecord record;
    record.task = task;
    record.fence = {fence};
    record.output = output;
    record.ended_at = WallTime(std::chrono::seconds(5));
    return record;
  }

  static CommitUnit Ended(JobId job, const std::vector<AttemptRecord>& records,
                          const ChunkState& state, uint64_t version) {
    AttemptsEnded ended;
    ended.job = job;
    ended.agent = {1};
    for (const AttemptRecord& record : records) {
      ended.runs.push_back(
          {.ended = {.tasks = {.first = record.task, .count = 1},
                     .fence = record.fence}});
    }
    ended.records =
        std::make_shared<const std::string>(EncodeAttemptRecords(records));
    CommitUnit unit;
    unit.output.events.push_back(ended);
    unit.output.chunks.push_back({.job = job,
                                  .chunk = ChunkOf(records.front().task),
                                  .version = version,
                                  .state = state.Encode()});
    return unit;
  }

  const std::string folder_;
  Store store_;
  std::optional<StoreReader> reader_;
};

TEST_F(StoreReaderTest, JobsAreFoundByIdAndLatestFirst) {
  for (uint64_t id = 1; id <= 3; ++id) {
    Commit(AcceptRange({id}, "key-" + std::to_string(id), 10 * id));
  }
  absl::StatusOr<JobSummaries> latest = reader_->Jobs({.ids = {}, .limit = 2});
  ASSERT_TRUE(latest.ok()) << latest.status();
  ASSERT_EQ(latest->jobs.size(), 2u);
  EXPECT_EQ(latest->jobs[0].id, JobId{3});
  EXPECT_EQ(latest->jobs[0].total, 30u);
  EXPECT_EQ(latest->jobs[0].name, "test");
  absl::StatusOr<JobSummaries> one = reader_->Jobs({.ids = {{2}}});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->jobs.at(0).id, JobId{2});
  EXPECT_TRUE(absl::IsNotFound(reader_->Jobs({.ids = {{9}}}).status()));
  EXPECT_FALSE(reader_->FindJob({9})->has_value());
}

TEST_F(StoreReaderTest, FindingsStandWithTheirJobButNotInLists) {
  Commit(AcceptRange({1}, "key", 10));
  CommitUnit unit;
  unit.output.events.push_back(FindingsNoted{
      .job = {1}, .entries = {{.place = 0, .finding = TestFinding(3)}}});
  Commit(std::move(unit));
  const absl::StatusOr<JobSummaries> one = reader_->Jobs({.ids = {{1}}});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->jobs.at(0).findings, std::vector<JobFinding>{TestFinding(3)});
  const absl::StatusOr<JobSummaries> all = reader_->Jobs({.ids = {}});
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->jobs.at(0).findings.empty());
}

TEST_F(StoreReaderTest, SubmissionsAreFoundByTheirKey) {
  CommitUnit unit = AcceptRange({1}, "key", 10);
  CommitUnit second = AcceptRange({2}, "key", 20);
  auto& accepted = std::get<JobAccepted>(second.output.events[0]);
  accepted.document = 1;
  accepted.digest = "second";
  unit.output.events.push_back(accepted);
  unit.output.summaries.push_back(second.output.summaries[0]);
  Commit(std::move(unit));
  Commit(AcceptRange({3}, "other", 5));
  const auto found = reader_->FindSubmission("key");
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->digests,
            (std::vector<std::string>{"digest-of-key", "second"}));
  EXPECT_EQ((*found)->jobs[1].total, 20u);
  EXPECT_FALSE(reader_->FindSubmission("none")->has_value());
}

TEST_F(StoreReaderTest, ListsTheKeysOfSubmissionsInParts) {
  EXPECT_TRUE(reader_->SubmissionKeys("", 10)->empty());
  for (const uint64_t id : {3u, 1u, 2u}) {
    Commit(AcceptRange({id}, "key" + std::to_string(id), 1));
  }
  EXPECT_EQ(*reader_->SubmissionKeys("", 2),
            (std::vector<std::string>{"key1", "key2"}));
  EXPECT_EQ(*reader_->SubmissionKeys("key2", 2),
            (std::vector<std::string>{"key3"}));
}

TEST_F(StoreReaderTest, ResultsMergeStatesRecordsAndGrants) {
  CommitUnit unit = AcceptRange({1}, "key", 3'000);
  unit.output.events.push_back(
      TestGrant({1}, {1}, {.first = 0, .count = 4}, {1}));
  unit.output.events.push_back(
      TestGrant({2}, {1}, {.first = 1, .count = 1}, {2}));
  Commit(std::move(unit));
  // Task 0 succeeded; 1 failed once and runs again; 2 and 3 run; 4 waits.
  ChunkState state;
  state.Set(0, 1, TaskState::kSucceeded,
            TaskTries::Usual(TaskState::kSucceeded));
  state.Set(1, 1, TaskState::kPending, {.fence = 1, .attempts = 1});
  Commit(Ended({1}, {Record(0, 1, R"("zero")"), Record(1, 1, R"("no")")}, state,
               1));
  const absl::StatusOr<ResultPage> page =
      reader_->Results({.job = {1}, .limit = 5});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->tasks.size(), 5u);
  EXPECT_EQ(page->tasks[0].state, TaskState::kSucceeded);
  EXPECT_EQ(page->tasks[0].output, R"("zero")");
  EXPECT_EQ(page->tasks[0].agent, "agent-1");
  EXPECT_EQ(page->tasks[0].item, "0");
  EXPECT_EQ(page->tasks[1].state, TaskState::kRunning);
  EXPECT_EQ(page->tasks[1].output, "");
  EXPECT_EQ(page->tasks[1].attempts, 1u);
  EXPECT_EQ(page->tasks[2].state, TaskState::kRunning);
  EXPECT_EQ(page->tasks[4].state, TaskState::kPending);
  EXPECT_EQ(page->tasks[4].item, "4");
  EXPECT_EQ(page->next, 5u);
  EXPECT_FALSE(page->end);
}

TEST_F(StoreReaderTest, TheRecordOfTheLastFenceCounts) {
  Commit(AcceptRange({1}, "key", 10));
  ChunkState state;
  state.Set(7, 1, TaskState::kPending, {.fence = 1, .attempts = 1});
  Commit(Ended({1}, {Record(7, 1, R"("first")")}, state, 1));
  state.Set(7, 1, TaskState::kSucceeded, {.fence = 2, .attempts = 2});
  Commit(Ended({1}, {Record(7, 2, R"("second")")}, state, 2));
  // A late copy of the first, among other records, changes nothing.
  state.Set(8, 1, TaskState::kSucceeded,
            TaskTries::Usual(TaskState::kSucceeded));
  Commit(Ended({1}, {Record(7, 1, R"("late")"), Record(8, 1, "8")}, state, 3));
  const absl::StatusOr<ResultPage> page =
      reader_->Results({.job = {1}, .first = 7, .limit = 2});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->tasks[0].output, R"("second")");
  EXPECT_EQ(page->tasks[0].attempts, 2u);
  EXPECT_EQ(page->tasks[1].output, "8");
}

TEST_F(StoreReaderTest, APageIsBoundedAndTheNextOneGoesOn) {
  Commit(AcceptRange({1}, "key", 1'024));
  ChunkState state;
  state.Set(0, 1'024, TaskState::kSucceeded,
            TaskTries::Usual(TaskState::kSucceeded));
  std::vector<AttemptRecord> records;
  for (uint64_t task = 0; task < 1'024; ++task) {
    records.push_back(Record(
        task, 1, "\"" + std::to_string(task) + std::string(5'000, 'x') + "\""));
  }
  Commit(Ended({1}, records, state, 1));
  TaskIndex next = 0;
  int pages = 0;
  bool end = false;
  while (!end) {
    const absl::StatusOr<ResultPage> page =
        reader_->Results({.job = {1}, .first = next, .limit = 5'000});
    ASSERT_TRUE(page.ok()) << page.status();
    size_t bytes = 0;
    for (const TaskRow& row : page->tasks) {
      EXPECT_EQ(row.index, next++);
      EXPECT_EQ(row.output, records[row.index].output);
      bytes += row.output.size();
    }
    EXPECT_LE(bytes, StoreReader::kReplyBytesMax + 6'000);
    EXPECT_EQ(page->next, next);
    end = page->end;
    ++pages;
  }
  EXPECT_EQ(next, 1'024u);
  EXPECT_GE(pages, 10);
}

TEST_F(StoreReaderTest, OnlyWhatDidNotSucceed) {
  Commit(AcceptRange({1}, "key", 2'048));
  Commit(SucceedChunk({1}, 0, 1'024, 1));
  ChunkState state;
  state.Set(0, 1'024, TaskState::kSucceeded,
            TaskTries::Usual(TaskState::kSucceeded));
  state.Set(5, 1, TaskState::kFailed, TaskTries::Usual(TaskState::kFailed));
  AttemptRecord record = Record(1'029, 1, "");
  record.ending = Ending::kError;
  record.exit_code = 3;
  record.error = "exit code 3";
  Commit(Ended({1}, {record}, state, 1));
  const absl::StatusOr<ResultPage> page = reader_->Results(
      {.job = {1}, .limit = 100'000, .only_not_succeeded = true});
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->tasks.size(), 1u);
  EXPECT_EQ(page->tasks[0].index, 1'029u);
  EXPECT_EQ(page->tasks[0].error, "exit code 3");
  EXPECT_EQ(page->tasks[0].exit_code, 3);
  EXPECT_TRUE(page->end);
}

TEST_F(StoreReaderTest, WhatNeverStartedOfACancelledJobIsCancelled) {
  Commit(AcceptRange({1}, "key", 10));
  CommitUnit end;
  end.output.events.push_back(JobFinished{.job = {1}});
  JobSummary summary = TestSummary({1}, 10, JobState::kCancelled);
  summary.reason = "cancelled by a test";
  end.output.summaries.push_back(summary);
  Commit(std::move(end));
  const absl::StatusOr<ResultPage> page = reader_->Results({.job = {1}});
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->tasks.size(), 10u);
  EXPECT_EQ(page->tasks[9].state, TaskState::kCancelled);
  EXPECT_EQ(page->tasks[9].error, "cancelled by a test");
  EXPECT_TRUE(page->end);
}

TEST_F(StoreReaderTest, WhatDoesNotExistIsSaid) {
  Commit(AcceptRange({1}, "key", 10));
  EXPECT_TRUE(absl::IsNotFound(reader_->Results({.job = {9}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      reader_->Results({.job = {1}, .first = 11}).status()));
  EXPECT_TRUE(absl::IsNotFound(reader_->Logs({.job = {9}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      reader_->Logs({.job = {1}, .task = 10}).status()));
  EXPECT_FALSE(reader_->Logs({.job = {1}, .task = 9})->found);
}

TEST_F(StoreReaderTest, LogsComeInPiecesUpToTheirCap) {
  Commit(AcceptRange({1}, "key", 10));
  CommitUnit unit;
  std::string whole;
  for (int i = 0; i < 5; ++i) {
    LogChunk log;
    log.attempt = {.job = {1}, .task = 2, .fence = {1}};
    log.offset = whole.size();
    log.bytes = std::string(1'000, static_cast<char>('a' + i));
    whole += log.bytes;
    unit.output.logs.push_back(log);
    unit.output.logs.push_back(log);  // sent again
  }
  LogChunk beyond = unit.output.logs.back();
  beyond.attempt.task = 3;
  beyond.offset = 0;
  beyond.bytes = std::string(Store::kLogBytesMax + 1, 'z');
  unit.output.logs.push_back(beyond);
  Commit(std::move(unit));
  ChunkState state;
  state.Set(2, 2, TaskState::kSucceeded,
            TaskTries::Usual(TaskState::kSucceeded));
  Commit(Ended({1}, {Record(2, 1, ""), Record(3, 1, "")}, state, 1));
  std::string read;
  bool end = false;
  while (!end) {
    const absl::StatusOr<LogPage> page = reader_->Logs(
        {.job = {1}, .task = 2, .offset = read.size(), .bytes_max = 700});
    ASSERT_TRUE(page.ok());
    ASSERT_TRUE(page->found);
    ASSERT_FALSE(page->bytes.empty());
    EXPECT_FALSE(page->truncated);
    read += page->bytes;
    EXPECT_EQ(page->next, read.size());
    end = page->end;
  }
  EXPECT_EQ(read, whole);
  EXPECT_TRUE(reader_->Logs({.job = {1}, .task = 3})->truncated);
}

}  // namespace
}  // namespace remuda

#include "coordinator/store/store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "base/check.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/store_test_support.h"
#include "jobs/items.h"

namespace remuda {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest()
      : folder_(
            std::string(::testing::TempDir()) + "/store_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  Store Open() {
    absl::StatusOr<Store> store = Store::Open({.folder = folder_});
    CHECK_OK(store);
    return *std::move(store);
  }

  static absl::Status Commit(Store& store, CommitUnit unit) {
    return store.Commit({&unit, 1}).status();
  }

  // Changes the file behind the store's back, or refuses to.
  absl::Status Tamper(const std::string& sql) {
    absl::StatusOr<Database> database =
        Database::Open(folder_ + "/remuda.sqlite", Database::Mode::kReadWrite);
    CHECK_OK(database);
    return database->Execute(sql);
  }

  std::string folder_;
};

TEST_F(StoreTest, ANewFolderIsClosedToOthersAndEmpty) {
  Store store = Open();
  struct stat facts;
  ASSERT_EQ(stat(folder_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0700u);
  const absl::StatusOr<StoredState> state = store.Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->term.value, 0u);
  EXPECT_TRUE(state->jobs.empty());
  EXPECT_EQ(store.generation().size(), 32u);
}

TEST_F(StoreTest, ASecondCoordinatorIsRefused) {
  const Store store = Open();
  const absl::StatusOr<Store> second = Store::Open({.folder = folder_});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_NE(second.status().ToString().find("in use by process"),
            std::string::npos)
      << second.status();
}

TEST_F(StoreTest, AFileOfANewerFormatIsRefused) {
  { const Store store = Open(); }
  ASSERT_TRUE(Tamper("PRAGMA user_version = 999").ok());
  const absl::StatusOr<Store> store = Store::Open({.folder = folder_});
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
}

TEST_F(StoreTest, AFileOfBeforeThereWereOwnersIsCarriedOver) {
  {
    Store store = Open();
    ASSERT_TRUE(Commit(store, AcceptRange({1}, "key", 10)).ok());
  }
  ASSERT_TRUE(Tamper("DROP INDEX definitions_by_owner; "
                     "ALTER TABLE definitions DROP COLUMN owner; "
                     "DROP TABLE findings; DROP TABLE evidence; "
                     "DROP TABLE job_evidence; DROP TABLE choices; "
                     "ALTER TABLE jobs DROP COLUMN executor; "
                     "ALTER TABLE jobs DROP COLUMN executor_reason; "
                     "ALTER TABLE jobs DROP COLUMN moves; "
                     "PRAGMA user_version = 1")
                  .ok());
  for (const char* when : {"carried over", "opened again"}) {
    Store store = Open();
    const absl::StatusOr<StoredState> state = store.Load();
    ASSERT_TRUE(state.ok()) << when << state.status();
    ASSERT_EQ(state->jobs.size(), 1u) << when;
    EXPECT_EQ(state->jobs[0].accepted.key, "key") << when;
    EXPECT_EQ(state->jobs[0].accepted.owner, "") << when;
  }
}

TEST_F(StoreTest, EvidenceOfBeforeJobsMovedIsOfTheirExecutor) {
  {
    Store store = Open();
    ASSERT_TRUE(Commit(store, AcceptRange({1}, "key", 10)).ok());
  }
  ASSERT_TRUE(
      Tamper("DROP TABLE choices; DROP TABLE job_evidence; "
             "ALTER TABLE jobs DROP COLUMN executor; "
             "ALTER TABLE jobs DROP COLUMN executor_reason; "
             "ALTER TABLE jobs DROP COLUMN moves; "
             "CREATE TABLE job_evidence (job INTEGER, cores INTEGER, "
             "body TEXT NOT NULL, PRIMARY KEY (job, cores)) WITHOUT ROWID; "
             "INSERT INTO job_evidence VALUES (1, 2, '{\"attempts\":9}'); "
             "PRAGMA user_version = 4")
          .ok());
  const Store store = Open();
  absl::StatusOr<StoreReader> reader =
      StoreReader::Open(store.folder().database_path());
  ASSERT_TRUE(reader.ok());
  const auto evidence = reader->EvidenceOfJob({1});
  ASSERT_TRUE(evidence.ok()) << evidence.status();
  ASSERT_EQ(evidence->size(), 1u);
  EXPECT_TRUE(evidence->front().of_job);
  EXPECT_EQ(evidence->front().cores, 2u);
}

TEST_F(StoreTest, AChosenExecutorIsThatOfTheJobFromThenOn) {
  Store store = Open();
  CommitUnit unit = AcceptRange({1}, "key", 10);
  const ExecutorKind before =
      std::get<JobAccepted>(unit.output.events.back()).executor;
  const ExecutorKind after = before == ExecutorKind::kThreadPool
                                 ? ExecutorKind::kAsync
                                 : ExecutorKind::kThreadPool;
  ASSERT_TRUE(Commit(store, std::move(unit)).ok());
  for (const auto& [executor, moves] :
       {std::pair(before, 0u), std::pair(after, 1u), std::pair(after, 1u),
        std::pair(before, 2u)}) {
    const std::string reason = "reason " + std::to_string(moves);
    CommitUnit chosen;
    chosen.output.events.push_back(
        ExecutorChosen{.job = {1}, .executor = executor, .reason = reason});
    ASSERT_TRUE(Commit(store, std::move(chosen)).ok());
    const absl::StatusOr<StoredState> state = store.Load();
    ASSERT_TRUE(state.ok()) << state.status();
    const StoredJob& job = state->jobs.at(0);
    EXPECT_EQ(job.moves, moves);
    EXPECT_EQ(job.accepted.executor, executor);
    EXPECT_EQ(job.summary.executor, executor);
    EXPECT_EQ(job.summary.executor_reason, reason);
  }
}

TEST_F(StoreTest, AJobMayBeAcceptedAndMovedInOneCommit) {
  Store store = Open();
  CommitUnit unit = AcceptRange({1}, "key", 10);
  unit.output.events.push_back(ExecutorChosen{
      .job = {1}, .executor = ExecutorKind::kAsync, .reason = "learned"});
  ASSERT_TRUE(Commit(store, std::move(unit)).ok());
  const absl::StatusOr<StoredState> state = store.Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->jobs.at(0).summary.executor, ExecutorKind::kAsync);
  EXPECT_EQ(state->jobs.at(0).summary.total, 10u);
}

TEST_F(StoreTest, WhatWasLearnedComesBackAndTheOldestIsForgotten) {
  Store store = Open();
  absl::StatusOr<StoreReader> reader =
      StoreReader::Open(store.folder().database_path());
  ASSERT_TRUE(reader.ok());
  for (uint64_t i = 0; i <= kLearnedKindsMax; ++i) {
    LearnedKind learned = {.kind = {.owner = "ann",
                                    .type = "python",
                                    .function = "m:" + std::to_string(i),
                                    .cores = 2},
                           .learned = {}};
    learned.learned.trial = {.tasks = i};
    CommitUnit unit;
    unit.learned.push_back(learned);
    // Changed again, the first is not the oldest any more.
    if (i == 5) {
      learned.kind.function = "m:0";
      unit.learned.push_back(learned);
    }
    ASSERT_TRUE(Commit(store, std::move(unit)).ok());
  }
  const auto all = reader->LearnedKinds();
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), kLearnedKindsMax);
  EXPECT_EQ(all->front().learned.trial->tasks, kLearnedKindsMax);
  EXPECT_EQ(all->back().kind.function, "m:2");
  EXPECT_EQ(reader->LearnedKinds("ann")->size(), kLearnedKindsMax);
  EXPECT_TRUE(reader->LearnedKinds("bob")->empty());
}

TEST_F(StoreTest, WhatIsAcceptedAndCancelledAtOnceIsBoth) {
  {
    Store store = Open();
    CommitUnit unit = AcceptRange({1}, "key", 10);
    unit.output.events.push_back(JobCancelRequested{.job = {1}});
    unit.output.summaries = {TestSummary({1}, 10, JobState::kCancelling)};
    ASSERT_TRUE(Commit(store, std::move(unit)).ok());
    CommitUnit without_summary = AcceptRange({2}, "other", 10);
    without_summary.output.summaries.clear();
    ASSERT_TRUE(Commit(store, std::move(without_summary)).ok());
  }
  Store store = Open();
  const absl::StatusOr<StoredState> state = store.Load();
  ASSERT_TRUE(state.ok()) << state.status();
  ASSERT_EQ(state->jobs.size(), 2u);
  EXPECT_TRUE(state->jobs[0].cancel_requested);
  EXPECT_EQ(state->jobs[0].summary.state, JobState::kCancelling);
  EXPECT_FALSE(state->jobs[1].cancel_requested);
  EXPECT_EQ(state->jobs[1].summary.state, JobState::kQueued);
}

TEST_F(StoreTest, AFileThatIsNoDatabaseIsRefused) {
  { const Store store = Open(); }
  std::filesystem::remove(folder_ + "/remuda.sqlite-wal");
  std::filesystem::resize_file(folder_ + "/remuda.sqlite", 0);
  FILE* file = fopen((folder_ + "/remuda.sqlite").c_str(), "w");
  ASSERT_NE(file, nullptr);
  for (int i = 0; i < 1'000; ++i) fputs("this is something else\n", file);
  fclose(file);
  const absl::StatusOr<Store> store = Store::Open({.folder = folder_});
  EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
}

TEST_F(StoreTest, WhatWasCommittedIsThereAfterwards) {
  std::string generation;
  std::string state_bytes;
  {
    Store store = Open();
    generation = store.generation();
    CommitUnit unit = AcceptRange({1}, "key", 3'000);
    unit.output.events.insert(
        unit.output.events.begin(),
        TermStarted{.term = {7}, .at = WallTime(std::chrono::seconds(1))});
    unit.output.events.push_back(TestAgent({1}));
    unit.output.events.push_back(
        TestGrant({4}, {1}, {.first = 0, .count = 3'000}, {1}));
    ASSERT_TRUE(Commit(store, std::move(unit)).ok());

    CommitUnit ended = SucceedChunk({1}, 0, 1'024, 1);
    state_bytes = ended.output.chunks[0].state;
    JobSummary summary = TestSummary({1}, 3'000, JobState::kRunning);
    summary.tasks = {1'976, 0, 1'024, 0, 0, 0, 0, 0};
    summary.attempts = 1'024;
    summary.started_at = WallTime(std::chrono::nanoseconds(1'234'567'891));
    ended.output.summaries.push_back(summary);
    ASSERT_TRUE(Commit(store, std::move(ended)).ok());
  }
  Store store = Open();
  EXPECT_EQ(store.generation(), generation);
  const absl::StatusOr<StoredState> state = store.Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->term.value, 7u);
  EXPECT_EQ(state->last_grant.value, 4u);
  EXPECT_EQ(state->last_agent.value, 1u);
  EXPECT_EQ(state->last_job.value, 1u);
  ASSERT_EQ(state->jobs.size(), 1u);
  EXPECT_EQ(state->jobs[0].accepted.key, "key");
  EXPECT_EQ(state->jobs[0].accepted.job->tasks.to, 2'999);
  EXPECT_EQ(state->jobs[0].summary.tasks[2], 1'024u);
  EXPECT_EQ(state->jobs[0].summary.started_at,
            WallTime(std::chrono::nanoseconds(1'234'567'891)));
  EXPECT_FALSE(state->jobs[0].cancel_requested);
  ASSERT_EQ(state->chunks.size(), 1u);
  EXPECT_EQ(state->chunks[0].version, 1u);
  EXPECT_EQ(state->chunks[0].state, state_bytes);
  ASSERT_EQ(state->grants.size(), 1u);
  EXPECT_EQ(state->grants[0].tasks.count, 3'000u);
  ASSERT_EQ(state->agents.size(), 1u);
  EXPECT_EQ(state->agents[0].name, "agent-1");
  EXPECT_EQ(state->agents[0].labels.at("zone"), "a");
  EXPECT_EQ(state->agents[0].at, WallTime(std::chrono::seconds(900)));
}

TEST_F(StoreTest, FindingsComeBackInTheirOrderAndOverwriteTheirPlace) {
  Store store = Open();
  ASSERT_TRUE(Commit(store, AcceptRange({1}, "key", 10)).ok());
  ASSERT_TRUE(Commit(store, AcceptRange({2}, "other", 10)).ok());
  CommitUnit unit;
  unit.output.events.push_back(
      FindingsNoted{.job = {1},
                    .entries = {{.place = 1, .finding = TestFinding(5)},
                                {.place = 0, .finding = TestFinding(3)}}});
  ASSERT_TRUE(Commit(store, std::move(unit)).ok());
  CommitUnit more;
  more.output.events.push_back(FindingsNoted{
      .job = {1}, .entries = {{.place = 1, .finding = TestFinding(9)}}});
  ASSERT_TRUE(Commit(store, std::move(more)).ok());
  const absl::StatusOr<StoredState> state = store.Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->jobs.at(0).summary.findings,
            (std::vector<JobFinding>{TestFinding(3), TestFinding(9)}));
  EXPECT_TRUE(state->jobs.at(1).summary.findings.empty());
}

TEST_F(StoreTest, FinishedJobsAndDoneGrantsAreNotLoaded) {
  Store store = Open();
  CommitUnit unit = AcceptRange({1}, "key", 10);
  unit.output.events.push_back(TestAgent({1}));
  unit.output.events.push_back(
      TestGrant({1}, {1}, {.first = 0, .count = 10}, {1}));
  ASSERT_TRUE(Commit(store, std::move(unit)).ok());
  CommitUnit end = SucceedChunk({1}, 0, 10, 1);
  end.output.events.push_back(JobFinished{.job = {1}});
  end.output.events.push_back(AgentLeft{.agent = {1}});
  end.output.grants_done.push_back({1});
  end.output.summaries.push_back(TestSummary({1}, 10, JobState::kSucceeded));
  ASSERT_TRUE(Commit(store, std::move(end)).ok());
  const absl::StatusOr<StoredState> state = store.Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(state->jobs.empty());
  EXPECT_TRUE(state->chunks.empty());
  EXPECT_TRUE(state->grants.empty());
  EXPECT_TRUE(state->agents.empty());
  EXPECT_EQ(state->last_job.value, 1u);
  EXPECT_EQ(state->last_grant.value, 1u);
}

TEST_F(StoreTest, AVersionOutOfTurnIsRefusedAndNothingOfItStays) {
  Store store = Open();
  ASSERT_TRUE(Commit(store, AcceptRange({1}, "key", 3'000)).ok());
  ASSERT_TRUE(Commit(store, SucceedChunk({1}, 0, 10, 1)).ok());
  CommitUnit again = SucceedChunk({1}, 0, 20, 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit(store, std::move(again))));
  CommitUnit gap = SucceedChunk({1}, 0, 20, 3);
  gap.output.events.push_back(JobCancelRequested{.job = {1}});
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit(store, std::move(gap))));
  const absl::StatusOr<StoredState> state = store.Load();
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->chunks[0].version, 1u);
  EXPECT_FALSE(state->jobs[0].cancel_requested);
  EXPECT_TRUE(Commit(store, SucceedChunk({1}, 0, 20, 2)).ok());
}

TEST_F(StoreTest, ATaskCannotLeaveItsFinalState) {
  Store store = Open();
  ASSERT_TRUE(Commit(store, AcceptRange({1}, "key", 3'000)).ok());
  ASSERT_TRUE(Commit(store, SucceedChunk({1}, 0, 10, 1)).ok());
  CommitUnit wrong;
  ChunkState state;
  state.Set(0, 10, TaskState::kFailed, TaskTries::Usual(TaskState::kFailed));
  wrong.output.chunks.push_back(
      {.job = {1}, .chunk = 0, .version = 2, .state = state.Encode()});
  const absl::Status status = Commit(store, std::move(wrong));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.ToString().find("final state"), std::string::npos);
}

TEST_F(StoreTest, AJobCannotLeaveItsFinalState) {
  Store store = Open();
  ASSERT_TRUE(Commit(store, AcceptRange({1}, "key", 10)).ok());
  CommitUnit end;
  end.output.events.push_back(JobFinished{.job = {1}});
  end.output.summaries.push_back(TestSummary({1}, 10, JobState::kCancelled));
  ASSERT_TRUE(Commit(store, std::move(end)).ok());
  CommitUnit wrong;
  wrong.output.events.push_back(JobCancelRequested{.job = {1}});
  wrong.output.summaries.push_back(TestSummary({1}, 10, JobState::kSucceeded));
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit(store, std::move(wrong))));
  EXPECT_FALSE(Tamper("UPDATE jobs SET state = 0").ok());
}

TEST_F(StoreTest, ChangesOfOneChunkAndJobShareTheirRows) {
  Store store = Open();
  ASSERT_TRUE(Commit(store, AcceptRange({1}, "key", 3'000)).ok());
  std::vector<CommitUnit> units;
  for (uint64_t version = 1; version <= 50; ++version) {
    units.push_back(SucceedChunk({1}, 0, version, version));
    units.back().output.summaries.push_back(
        TestSummary({1}, 3'000, JobState::kRunning));
  }
  const absl::StatusOr<CommitFacts> facts = store.Commit(units);
  ASSERT_TRUE(facts.ok()) << facts.status();
  // An event and a results row each; one chunk and one job.
  EXPECT_EQ(facts->rows, 50u * 2 + 2);
  EXPECT_EQ(facts->units, 50u);
  EXPECT_EQ(store.Load()->chunks[0].version, 50u);
}

// The budget of a batch on the hot path.
TEST_F(StoreTest, AThousandTasksCostSixRows) {
  Store store = Open();
  CommitUnit unit = AcceptRange({1}, "key", 1'024);
  unit.output.events.push_back(
      TestGrant({1}, {1}, {.first = 0, .count = 1'024}, {1}));
  ASSERT_TRUE(Commit(store, std::move(unit)).ok());
  CommitUnit end = SucceedChunk({1}, 0, 1'024, 1);
  end.output.summaries.push_back(TestSummary({1}, 1'024, JobState::kRunning));
  end.output.grants_done.push_back({1});
  const absl::StatusOr<CommitFacts> facts = store.Commit({&end, 1});
  ASSERT_TRUE(facts.ok());
  EXPECT_LE(facts->rows, 6u);
}

TEST_F(StoreTest, AUnitWithoutAnythingToWriteCostsNothing) {
  Store store = Open();
  CommitUnit unit;
  unit.output.after_commit.push_back(
      ToClient{.peer = {1}, .request = 2, .reply = Info{}});
  const absl::StatusOr<CommitFacts> facts = store.Commit({&unit, 1});
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->rows, 0u);
}

TEST_F(StoreTest, GrantsOfAListGetTheirItems) {
  Store store = Open();
  ItemList list;
  for (int i = 0; i < 2'500; ++i) list.Append(std::to_string(i * 10));
  absl::StatusOr<std::vector<std::string>> chunks =
      ItemList::SplitIntoChunks(list.bytes());
  ASSERT_TRUE(chunks.ok());
  Job job;
  job.tasks.kind = TaskSource::Kind::kList;
  job.tasks.written = TaskSource::Written::kItems;
  job.tasks.list_count = 2'500;
  CommitUnit unit;
  unit.output.events.push_back(TestAccepted({1}, "key", job, 2'500));
  unit.output.summaries.push_back(TestSummary({1}, 2'500, JobState::kQueued));
  unit.items.push_back(
      {.key = "key",
       .chunks = std::make_shared<const std::vector<std::string>>(*chunks)});
  Grant grant;
  grant.sequence = 1;
  grant.ranges.push_back(
      {.job = {1}, .tasks = {.first = 1'020, .count = 8}, .fence = {1}});
  unit.output.events.push_back(TestGrant({1}, {1}, grant.ranges[0].tasks, {1}));
  unit.output.after_commit.push_back(
      ToAgent{.peer = {1}, .session = {1}, .message = std::move(grant)});
  ASSERT_TRUE(store.Commit({&unit, 1}).ok());
  const auto& sent =
      std::get<Grant>(std::get<ToAgent>(unit.output.after_commit[0]).message);
  EXPECT_EQ(sent.ranges[0].items,
            "10200\n10210\n10220\n10230\n10240\n10250\n10260\n10270\n");
}

void LimitFileSize(rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = std::min(bytes, limit.rlim_max);
  CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST_F(StoreTest, AFullDiskIsToldAndChangesNothing) {
  Store store = Open();
  ASSERT_TRUE(Commit(store, AcceptRange({1}, "key", 10)).ok());
  CommitUnit large = AcceptRange({2}, "other", 10);
  LogChunk log;
  log.attempt = {.job = {1}, .task = 0, .fence = {1}};
  log.bytes = std::string(8u << 20, 'x');
  large.output.logs.push_back(log);
  LimitFileSize(1u << 20);
  const absl::Status status = Commit(store, std::move(large));
  LimitFileSize(RLIM_INFINITY);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(store.Load()->jobs.size(), 1u);
}

}  // namespace
}  // namespace remuda

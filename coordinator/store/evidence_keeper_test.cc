#include "coordinator/store/evidence_keeper.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "base/check.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_test_support.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr WallTime At(Duration since) {
  return WallTime(seconds(5'000) + since);
}

// Through a store, as that is how it is used, and the reader's eyes.
class EvidenceKeeperTest : public ::testing::Test {
 protected:
  EvidenceKeeperTest()
      : folder_(
            std::string(::testing::TempDir()) + "/evidence_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    Open();
    CommitUnit unit;
    AgentRegistered agent = TestAgent({1});
    agent.executors = {{.kind = ExecutorKind::kThreadPool, .slots = 64},
                       {.kind = ExecutorKind::kProcessPool, .slots = 4}};
    unit.output.events.push_back(agent);
    Commit(std::move(unit));
  }
  ~EvidenceKeeperTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Open() {
    store_.reset();
    absl::StatusOr<Store> store = Store::Open({.folder = folder_});
    CHECK_OK(store);
    store_.emplace(*std::move(store));
  }

  uint64_t Commit(CommitUnit unit) {
    const absl::StatusOr<CommitFacts> facts = store_->Commit({&unit, 1});
    CHECK_OK(facts);
    return facts->rows;
  }

  void Accept(JobId id, const std::string& function,
              const std::string& owner = "") {
    Job job;
    job.tasks = {.kind = TaskSource::Kind::kRange, .to = 999'999};
    job.with = "{\"function\":\"" + function + "\"}";
    JobAccepted event =
        TestAccepted(id, "key" + std::to_string(id.value), job, 1'000'000);
    job.name = "test";
    job.type = "python";
    event.owner = owner;
    event.job_json = std::make_shared<const std::string>(JobToJson(job));
    event.job = std::make_shared<const Job>(std::move(job));
    event.executor = ExecutorKind::kThreadPool;
    CommitUnit unit;
    unit.output.events.push_back(std::move(event));
    Commit(std::move(unit));
  }

  static AttemptRecord Record(TaskIndex task, WallTime ended, Duration wall) {
    return {.task = task,
            .fence = {1},
            .ended_at = ended,
            .wall = wall,
            .usage = {.cpu = wall / 2}};
  }

  static AttemptsEnded Ended(JobId job, WallTime at,
                             const std::vector<AttemptRecord>& records) {
    AttemptsEnded event = {.job = job,
                           .agent = {1},
                           .executor = ExecutorKind::kThreadPool,
                           .at = at};
    for (const AttemptRecord& record : records) {
      event.runs.push_back(
          {.ended = {.tasks = {.first = record.task, .count = 1},
                     .fence = record.fence,
                     .ending = record.ending},
           .state = TaskState::kSucceeded});
    }
    event.records =
        std::make_shared<const std::string>(EncodeAttemptRecords(records));
    return event;
  }

  uint64_t Add(AttemptsEnded event) {
    CommitUnit unit;
    unit.output.events.push_back(std::move(event));
    return Commit(std::move(unit));
  }

  // `count` tasks of 10 ms one after the other from `start` on.
  void AddInRow(JobId job, TaskIndex first, uint64_t count, Duration start) {
    std::vector<AttemptRecord> records;
    for (uint64_t i = 0; i < count; ++i) {
      records.push_back(Record(
          first + i, At(start + milliseconds(10) * static_cast<int>(i + 1)),
          milliseconds(10)));
    }
    Add(Ended(job, At(start + milliseconds(10) * static_cast<int>(count)),
              records));
  }

  // The same in many events of one unit, on two agents in turn.
  void AddOnTwoAgents(JobId job, uint64_t events, uint64_t count) {
    CommitUnit unit;
    for (uint64_t n = 0; n < 2 * events; ++n) {
      std::vector<AttemptRecord> records;
      const Duration start = milliseconds(10) * static_cast<int>(n / 2 * count);
      for (uint64_t i = 0; i < count; ++i) {
        records.push_back(
            Record(n * count + i,
                   At(start + milliseconds(10) * static_cast<int>(i + 1)),
                   milliseconds(10)));
      }
      AttemptsEnded event = Ended(job, At(start), records);
      event.agent = {1 + n % 2};
      unit.output.events.push_back(std::move(event));
    }
    Commit(std::move(unit));
  }

  void Move(JobId job, ExecutorKind executor) {
    CommitUnit unit;
    unit.output.events.push_back(
        ExecutorChosen{.job = job, .executor = executor, .reason = "a test"});
    Commit(std::move(unit));
  }

  uint64_t Finish(JobId job, Duration at) {
    CommitUnit unit;
    unit.output.events.push_back(JobFinished{.job = job, .at = At(at)});
    return Commit(std::move(unit));
  }

  StoreReader Reader() {
    absl::StatusOr<StoreReader> reader =
        StoreReader::Open(folder_ + "/remuda.sqlite");
    CHECK_OK(reader);
    return *std::move(reader);
  }

  std::vector<StoredEvidence> Kinds(
      const std::optional<std::string>& owner = std::nullopt) {
    const auto kinds = Reader().EvidenceOfKinds(owner);
    CHECK_OK(kinds);
    return *kinds;
  }

  std::vector<StoredEvidence> OfJob(JobId job) {
    const auto found = Reader().EvidenceOfJob(job);
    CHECK_OK(found);
    return *found;
  }

  const std::string folder_;
  std::optional<Store> store_;
};

// Of each agent some events are looked at and count for all; of slow ones,
// which would seem to be pauses, none is passed over.
TEST_F(EvidenceKeeperTest, OfVeryManyAttemptsSomeStandForTheRest) {
  CommitUnit unit;
  AgentRegistered agent = TestAgent({2});
  agent.executors = {{.kind = ExecutorKind::kThreadPool, .slots = 64},
                     {.kind = ExecutorKind::kProcessPool, .slots = 4}};
  unit.output.events.push_back(std::move(agent));
  Commit(std::move(unit));
  uint64_t id = 0;
  for (const uint64_t count : {5, 100}) {
    const JobId job = {++id};
    Accept(job, "rows:clean");
    const uint64_t each = EvidenceKeeper::kAllLookedAtMax + 4'000;
    AddOnTwoAgents(job, each / count, count);
    Finish(job, seconds(400));
    const std::vector<StoredEvidence> found = OfJob(job);
    ASSERT_EQ(found.size(), 1u);
    const Evidence& evidence = found[0].evidence;
    // Those after the last look are left out, with their time.
    EXPECT_NEAR(evidence.attempts, 2.0 * static_cast<double>(each), 80);
    EXPECT_NEAR(evidence.mean_wall().count(), 0.01, 1e-9);
    EXPECT_NEAR(evidence.cpu.sum / evidence.cpu.wall, 0.5, 1e-9);
    EXPECT_NEAR(evidence.concurrency(), 1, 1e-3) << count;
    EXPECT_NEAR(evidence.spread(), 0, 1e-3);
  }
}

TEST_F(EvidenceKeeperTest, AJobsAttemptsAreAddedUpUnderItsKindAndItself) {
  Accept({1}, "rows:clean");
  AddInRow({1}, 0, 30, seconds(0));
  EXPECT_TRUE(Kinds().empty()) << "kept back";
  Finish({1}, seconds(1));
  ASSERT_EQ(Kinds().size(), 1u);
  const StoredEvidence kind = Kinds()[0];
  EXPECT_EQ(kind.function, "rows:clean");
  EXPECT_EQ(kind.executor, ExecutorKind::kThreadPool);
  EXPECT_EQ(kind.cores, 4u);
  EXPECT_EQ(kind.job.value, 1u);
  EXPECT_DOUBLE_EQ(kind.evidence.attempts, 30);
  EXPECT_NEAR(kind.evidence.wall.count(), 0.3, 1e-9);
  EXPECT_NEAR(kind.evidence.cpu.sum.count(), 0.15, 1e-9);
  EXPECT_NEAR(kind.evidence.active.count(), 0.3, 1e-9);
  EXPECT_EQ(kind.evidence.slots[1], 64u);
  const std::vector<StoredEvidence> job = OfJob({1});
  ASSERT_EQ(job.size(), 1u);
  EXPECT_TRUE(job[0].of_job);
  EXPECT_EQ(job[0].function, "rows:clean");
  EXPECT_EQ(job[0].evidence, kind.evidence);
}

TEST_F(EvidenceKeeperTest, ASmallJobHasWhatIsKnownOfItsKind) {
  Accept({1}, "rows:clean");
  AddInRow({1}, 0, 3, seconds(0));
  Finish({1}, seconds(1));
  Accept({2}, "rows:clean");
  AddInRow({2}, 0, 4, seconds(2));
  Finish({2}, seconds(3));
  const std::vector<StoredEvidence> found = OfJob({2});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FALSE(found[0].of_job);
  EXPECT_EQ(found[0].job.value, 2u);
  EXPECT_DOUBLE_EQ(found[0].evidence.attempts, 7);
  Accept({3}, "rows:other");
  const std::vector<StoredEvidence> nothing = OfJob({3});
  ASSERT_EQ(nothing.size(), 1u);
  EXPECT_DOUBLE_EQ(nothing[0].evidence.attempts, 0);
  EXPECT_EQ(nothing[0].function, "rows:other");
  EXPECT_TRUE(absl::IsNotFound(Reader().EvidenceOfJob({9}).status()));
}

TEST_F(EvidenceKeeperTest, OneRowAKindAndJobHoweverManyBatches) {
  Accept({1}, "rows:clean");
  uint64_t rows = 0;
  for (int i = 0; i < 200; ++i) {
    // Twenty batches a second, for ten seconds.
    const Duration at = milliseconds(50) * i;
    rows += Add(
        Ended({1}, At(at),
              {Record(static_cast<TaskIndex>(i), At(at), milliseconds(50))}));
  }
  rows += Finish({1}, seconds(10));
  // An event and a results row each, the last event, and a kind's and a job's
  // row for each second.
  EXPECT_LE(rows, 200 * 2 + 1 + 2 * 11u);
  EXPECT_EQ(Kinds().size(), 1u);
  EXPECT_DOUBLE_EQ(OfJob({1})[0].evidence.attempts, 200);
}

TEST_F(EvidenceKeeperTest, ANewCoordinatorGoesOnWhereTheOldOneEnded) {
  Accept({1}, "rows:clean");
  AddInRow({1}, 0, 20, seconds(0));
  AddInRow({1}, 20, 1, seconds(2));  // writes what was kept back
  Open();
  AddInRow({1}, 21, 3, seconds(4));  // too few for a row of their own
  Finish({1}, seconds(9));
  EXPECT_DOUBLE_EQ(Kinds()[0].evidence.attempts, 24);
  EXPECT_DOUBLE_EQ(OfJob({1})[0].evidence.attempts, 24);
}

TEST_F(EvidenceKeeperTest, PausesAreNoActiveTime) {
  Accept({1}, "rows:clean");
  AddInRow({1}, 0, 10, seconds(0));
  AddInRow({1}, 10, 10, milliseconds(900));  // a short one is
  AddInRow({1}, 20, 10, seconds(60));
  Finish({1}, seconds(61));
  EXPECT_NEAR(Kinds()[0].evidence.active.count(), 1.0 + 0.1, 1e-9);
  EXPECT_NEAR(Kinds()[0].evidence.wall.count(), 0.3, 1e-9);
}

TEST_F(EvidenceKeeperTest, WhatRunsSideBySideIsActiveOnce) {
  Accept({1}, "rows:clean");
  for (int i = 0; i < 8; ++i) {
    Add(Ended({1}, At(seconds(2)),
              {Record(static_cast<TaskIndex>(i), At(seconds(2)), seconds(1))}));
  }
  Finish({1}, seconds(3));
  EXPECT_NEAR(Kinds()[0].evidence.active.count(), 1, 1e-9);
  EXPECT_NEAR(Kinds()[0].evidence.concurrency(), 8, 1e-9);
}

TEST_F(EvidenceKeeperTest, OnlyAcceptedAttemptsThatEndedByThemselvesCount) {
  Accept({1}, "rows:clean");
  std::vector<AttemptRecord> records;
  for (TaskIndex task = 0; task < 10; ++task) {
    records.push_back(Record(task, At(seconds(1)), milliseconds(10)));
  }
  records[3].ending = Ending::kTimeout;
  records[4].ending = Ending::kError;
  AttemptsEnded event = Ended({1}, At(seconds(1)), records);
  event.runs[5].ended.fence = {7};  // another attempt of the task
  event.runs.erase(event.runs.end() - 2, event.runs.end());
  Add(std::move(event));
  Finish({1}, seconds(2));
  EXPECT_DOUBLE_EQ(Kinds()[0].evidence.attempts, 6);
  EXPECT_DOUBLE_EQ(Kinds()[0].evidence.failed, 1);
}

TEST_F(EvidenceKeeperTest, RecordsThatMakeNoSenseDoNoHarm) {
  Accept({1}, "rows:clean");
  AttemptsEnded event =
      Ended({1}, At(seconds(1)), {Record(0, At(seconds(1)), seconds(1))});
  event.records = std::make_shared<const std::string>("no records");
  Add(std::move(event));
  for (const int64_t ended : {INT64_MIN, INT64_MAX, int64_t{-5}}) {
    for (const int64_t wall : {INT64_MIN, INT64_MAX, int64_t{-5}}) {
      Add(Ended({1}, At(seconds(1)),
                {Record(1, WallTime(Duration(ended)), Duration(wall))}));
    }
  }
  Finish({1}, seconds(2));
  EXPECT_TRUE(Kinds().empty());
}

TEST_F(EvidenceKeeperTest, WhatIsOldCountsLessWhenANewJobBegins) {
  Accept({1}, "rows:clean");
  AddInRow({1}, 0, 3'000, seconds(0));
  AddInRow({1}, 3'000, 3'000, seconds(40));
  Finish({1}, seconds(80));
  EXPECT_DOUBLE_EQ(Kinds()[0].evidence.attempts, 6'000);
  Accept({2}, "rows:clean");
  AddInRow({2}, 0, 100, seconds(100));
  Finish({2}, seconds(110));
  EXPECT_DOUBLE_EQ(Kinds()[0].evidence.attempts, 3'100);
  EXPECT_EQ(Kinds()[0].job.value, 2u);
  EXPECT_DOUBLE_EQ(OfJob({1})[0].evidence.attempts, 6'000);
}

TEST_F(EvidenceKeeperTest, OwnersSeeTheirOwn) {
  Accept({1}, "rows:clean", "alice");
  Accept({2}, "rows:clean", "bob");
  for (const JobId job : {JobId{1}, JobId{2}}) {
    AddInRow(job, 0, 10, seconds(0));
    Finish(job, seconds(1));
  }
  EXPECT_EQ(Kinds().size(), 2u);
  EXPECT_EQ(Kinds("alice").size(), 1u);
  EXPECT_EQ(Kinds("eve").size(), 0u);
  EXPECT_TRUE(absl::IsNotFound(Reader().EvidenceOfJob({1}, "bob").status()));
}

TEST_F(EvidenceKeeperTest, SumsOfManyJobsAreNotAllHeld) {
  const uint64_t jobs = EvidenceKeeper::kJobsHeldMax + 5;
  for (uint64_t id = 1; id <= jobs; ++id) {
    Accept({id}, "rows:f" + std::to_string(id));
    AddInRow({id}, 0, 10, seconds(0));
  }
  // Those that were held are written though nothing is due.
  EXPECT_GT(Kinds().size(), 900u);
}

TEST_F(EvidenceKeeperTest, SmallJobsShareARowASecond) {
  for (uint64_t job = 1; job <= 50; ++job) {
    Accept({job}, "rows:clean");
    const auto at = milliseconds(15) * static_cast<int>(job);
    AddInRow({job}, 0, 1, at);
    Finish({job}, at + milliseconds(10));
  }
  // The first few are written at once, others wait for the second to pass.
  EXPECT_EQ(Kinds()[0].evidence.attempts, EvidenceKeeper::kSmallWritesMax);
  Accept({51}, "rows:clean");
  AddInRow({51}, 0, 1, seconds(3));
  Finish({51}, seconds(3));
  ASSERT_EQ(Kinds().size(), 1u);
  EXPECT_EQ(Kinds()[0].evidence.attempts, 51);
  EXPECT_EQ(Kinds()[0].job, JobId{51});
}

// What is remembered of a job from its acceptance on is what its rows say.
TEST_F(EvidenceKeeperTest, AJobThatMovedBeforeItsFirstEndCountsWhereItRan) {
  for (const bool reopened : {false, true}) {
    const JobId job{reopened ? 2u : 1u};
    Accept(job, "f", "ann");
    Move(job, ExecutorKind::kProcessPool);
    if (reopened) Open();
    AddInRow(job, 0, 10, seconds(1));
    Finish(job, seconds(3));
    const std::vector<StoredEvidence> kinds = Kinds();
    ASSERT_EQ(kinds.size(), 1u);
    EXPECT_EQ(kinds[0].executor, ExecutorKind::kProcessPool);
    EXPECT_EQ(kinds[0].owner, "ann");
    EXPECT_EQ(kinds[0].evidence.attempts, reopened ? 20 : 10);
  }
}

}  // namespace
}  // namespace remuda

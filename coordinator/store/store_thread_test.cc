#include "coordinator/store/store_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "coordinator/store/store_test_support.h"

namespace remuda {
namespace {

class StoreThreadTest : public ::testing::Test {
 protected:
  StoreThreadTest()
      : folder_(
            std::string(::testing::TempDir()) + "/thread_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        loop_(clock_) {
    std::filesystem::remove_all(folder_);
  }
  ~StoreThreadTest() override { std::filesystem::remove_all(folder_); }

  Store Open() {
    absl::StatusOr<Store> store = Store::Open({.folder = folder_});
    CHECK_OK(store);
    return *std::move(store);
  }

  const std::string folder_;
  SystemClock clock_;
  EventLoop loop_;
};

TEST_F(StoreThreadTest, CommitsInOrderAndInGroups) {
  constexpr uint64_t kJobs = 500;
  std::atomic<uint64_t> transactions = 0;
  std::vector<uint64_t> order;
  StoreThread thread(
      Open(), loop_,
      {.on_failure = [](const absl::Status& status) { CHECK_OK(status); },
       .on_commit = [&](const CommitFacts&, Duration,
                        Duration) { ++transactions; }},
      [&](std::vector<CommitUnit> units) {
        for (const CommitUnit& unit : units) {
          order.push_back(
              std::get<JobAccepted>(unit.output.events[0]).id.value);
        }
        if (order.size() == kJobs) loop_.Stop();
      });
  EXPECT_TRUE(thread.idle());
  for (uint64_t id = 1; id <= kJobs; ++id) {
    thread.Commit(AcceptRange({id}, "key-" + std::to_string(id), 10));
  }
  EXPECT_FALSE(thread.idle());
  loop_.Run();
  EXPECT_TRUE(thread.idle());
  ASSERT_EQ(order.size(), kJobs);
  for (uint64_t i = 0; i < kJobs; ++i) EXPECT_EQ(order[i], i + 1);
  EXPECT_LT(transactions, kJobs / 2);
}

TEST_F(StoreThreadTest, SaysWhenItIsFull) {
  size_t committed = 0;
  StoreThread thread(Open(), loop_, {}, [&](std::vector<CommitUnit> units) {
    committed += units.size();
    if (committed == StoreThread::kUnitsWaitingMax) loop_.Stop();
  });
  for (uint64_t i = 0; i < StoreThread::kUnitsWaitingMax; ++i) {
    EXPECT_FALSE(thread.full());
    thread.Commit({});
  }
  EXPECT_TRUE(thread.full());
  loop_.Run();
  EXPECT_FALSE(thread.full());
}

TEST_F(StoreThreadTest, WhatWaitsAtTheEndIsStillStored) {
  {
    StoreThread thread(Open(), loop_, {},
                       [](std::vector<CommitUnit>) { FAIL(); });
    for (uint64_t id = 1; id <= 20; ++id) {
      thread.Commit(AcceptRange({id}, "key-" + std::to_string(id), 10));
    }
  }
  loop_.RunReady();
  EXPECT_EQ(Open().Load()->jobs.size(), 20u);
}

// R33: after the first error nothing is said to be stored any more.
TEST_F(StoreThreadTest, AfterAFailureNothingIsAcknowledged) {
  std::atomic<bool> failed = false;
  bool acknowledged = false;
  {
    StoreThread thread(Open(), loop_,
                       {.on_failure =
                            [&](const absl::Status& status) {
                              EXPECT_FALSE(status.ok());
                              failed = true;
                              loop_.Stop();
                            },
                        .on_commit = {}},
                       [&](std::vector<CommitUnit>) { acknowledged = true; });
    CommitUnit wrong = SucceedChunk({1}, 0, 10, 5);
    CommitUnit second = SucceedChunk({1}, 0, 10, 7);
    wrong.output.chunks.push_back(second.output.chunks[0]);
    thread.Commit(std::move(wrong));
    loop_.Run();
    thread.Commit(AcceptRange({1}, "key", 10));
  }
  loop_.RunReady();
  EXPECT_TRUE(failed);
  EXPECT_FALSE(acknowledged);
}

// A thread that is told nothing sleeps, but not at once.
void CommitUntilInPassing(StoreThread& thread, EventLoop& loop, JobId& next) {
  while (true) {
    ++next.value;
    thread.Commit(AcceptRange(next, "key-" + std::to_string(next.value), 10));
    if (thread.idle()) return;
    loop.Run();  // until it was told that this one is committed
  }
}

TEST_F(StoreThreadTest, ASmallUnitIsCommittedInPassingWhileTheThreadSleeps) {
  JobId next = {};
  std::vector<JobId> committed;
  std::thread::id committer;
  {
    StoreThread thread(
        Open(), loop_,
        {.on_failure = [](const absl::Status& status) { CHECK_OK(status); },
         .on_commit = [&](const CommitFacts&, Duration,
                          Duration) { committer = std::this_thread::get_id(); },
         .events_in_passing = 1},
        [&](std::vector<CommitUnit> units) {
          for (const CommitUnit& unit : units) {
            committed.push_back(
                std::get<JobAccepted>(unit.output.events[0]).id);
          }
          loop_.Stop();
        });
    for (int i = 0; i < 3; ++i) {
      CommitUntilInPassing(thread, loop_, next);
      EXPECT_EQ(committer, std::this_thread::get_id());
      ASSERT_EQ(committed.back(), next);
    }
    // Bigger ones are the thread's business, and those after them too.
    CommitUnit big = AcceptRange({++next.value}, "big", 10);
    CommitUnit more = AcceptRange({++next.value}, "more", 10);
    big.output.events.push_back(more.output.events[0]);
    big.output.summaries.push_back(more.output.summaries[0]);
    thread.Commit(std::move(big));
    EXPECT_FALSE(thread.idle());
    thread.Commit(AcceptRange({++next.value}, "behind", 10));
    while (!thread.idle()) loop_.Run();
    EXPECT_NE(committer, std::this_thread::get_id());
    EXPECT_EQ(committed.back(), next);
  }
  loop_.RunReady();
  EXPECT_EQ(Open().Load()->jobs.size(), next.value);
}

// Items of a list are read for each task that is granted.
TEST_F(StoreThreadTest, AGrantOfManyTasksIsNotCommittedInPassing) {
  JobId next = {};
  StoreThread thread(
      Open(), loop_,
      {.on_failure = [](const absl::Status& status) { CHECK_OK(status); },
       .events_in_passing = 1},
      [&](std::vector<CommitUnit>) { loop_.Stop(); });
  GrantId grant = {};
  for (const uint64_t tasks : {1, 1'000}) {
    CommitUntilInPassing(thread, loop_, next);
    CommitUnit unit;
    unit.output.events.push_back(
        TestGrant({++grant.value}, next, {.first = 0, .count = tasks}, {1}));
    thread.Commit(std::move(unit));
    EXPECT_EQ(thread.idle(), tasks == 1);
  }
  while (!thread.idle()) loop_.Run();
}

TEST_F(StoreThreadTest, AfterAFailureInPassingNothingIsAcknowledged) {
  JobId next = {};
  int failures = 0;
  size_t acknowledged = 0;
  {
    StoreThread thread(Open(), loop_,
                       {.on_failure = [&](const absl::Status&) { ++failures; },
                        .events_in_passing = 1},
                       [&](std::vector<CommitUnit> units) {
                         acknowledged += units.size();
                         loop_.Stop();
                       });
    CommitUntilInPassing(thread, loop_, next);
    acknowledged = 0;
    // Already there: refused by the file itself.
    thread.Commit(AcceptRange(next, "again", 10));
    EXPECT_EQ(failures, 1);
    EXPECT_FALSE(thread.idle());
    thread.Commit(AcceptRange({next.value + 1}, "next", 10));
  }
  loop_.RunReady();
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(acknowledged, 0u);
  EXPECT_EQ(Open().Load()->jobs.size(), next.value);
}

TEST_F(StoreThreadTest, ACheckpointThatIsDueIsTheThreadsEvenThen) {
  JobId next = {};
  std::atomic<bool> done = false;
  StoreThread thread(
      Open(), loop_,
      {.on_failure = [](const absl::Status& status) { CHECK_OK(status); },
       .on_checkpoint =
           [&, owner = std::this_thread::get_id()](Duration) {
             EXPECT_NE(std::this_thread::get_id(), owner);
             done = true;
           },
       .events_in_passing = 1},
      [&](std::vector<CommitUnit>) { loop_.Stop(); });
  while (!done) {
    ++next.value;
    thread.Commit(AcceptRange(
        next, std::string(200'000, 'k') + std::to_string(next.value), 10));
    while (!thread.idle()) loop_.Run();
  }
}

}  // namespace
}  // namespace remuda

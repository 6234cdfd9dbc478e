#include "coordinator/store/store_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <optional>

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

}  // namespace
}  // namespace remuda

#include "workers/protocol/worker_cell.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace remuda {
namespace {

TEST(WorkerCellTest, BothSidesSeeTheSame) {
  auto pool = WorkerCell::Make();
  ASSERT_TRUE(pool.ok()) << pool.status();
  auto worker = WorkerCell::Open(pool->fd().get());
  ASSERT_TRUE(worker.ok()) << worker.status();
  EXPECT_EQ(pool->Current(), 0u);
  EXPECT_TRUE(worker->Begin(1));
  EXPECT_EQ(pool->Current(), 1u);
  pool->Revoke(3, 5);
  EXPECT_TRUE(worker->Begin(2));
  EXPECT_FALSE(worker->Begin(3));
  EXPECT_FALSE(worker->Begin(4));
  EXPECT_TRUE(worker->Begin(5));
  worker->Rest();
  EXPECT_EQ(pool->Current(), 0u);
}

TEST(WorkerCellTest, ATaskThatWasTakenBackIsNeverBegun) {
  constexpr uint64_t kTasks = 200'000;
  for (int round = 0; round < 20; ++round) {
    auto pool = WorkerCell::Make();
    ASSERT_TRUE(pool.ok());
    auto worker = WorkerCell::Open(pool->fd().get());
    ASSERT_TRUE(worker.ok());
    std::vector<char> began(kTasks + 1, 0);
    std::thread thread([&] {
      for (uint64_t task = 1; task <= kTasks; ++task) {
        if (worker->Begin(task)) began[task] = 1;
      }
    });
    while (pool->Current() < kTasks / 100) {
    }
    pool->Revoke(pool->Current() + 1, kTasks + 1);
    const uint64_t begun = pool->Current();
    thread.join();
    for (uint64_t task = begun + 1; task <= kTasks; ++task) {
      ASSERT_EQ(began[task], 0) << task;
    }
  }
}

}  // namespace
}  // namespace remuda

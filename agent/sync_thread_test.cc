#include "agent/sync_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <future>
#include <memory>
#include <thread>

namespace remuda {
namespace {

TEST(SyncThreadTest, GivesEachResultOnce) {
  std::promise<void> told;
  SyncThread thread([](int fd) { return fd == 7 ? EIO : 0; },
                    [&told] { told.set_value(); });
  EXPECT_FALSE(thread.TakeResult().has_value());
  thread.Start(7);
  told.get_future().wait();
  EXPECT_EQ(thread.TakeResult(), EIO);
  EXPECT_FALSE(thread.TakeResult().has_value());
  told = std::promise<void>();
  thread.Start(8);
  told.get_future().wait();
  EXPECT_EQ(thread.TakeResult(), 0);
}

TEST(SyncThreadTest, RunsElsewhereAndItsEndWaitsForTheDisk) {
  std::promise<void> began;
  std::promise<void> disk;
  std::atomic<bool> done = false;
  std::thread::id where;
  auto thread = std::make_unique<SyncThread>(
      [&](int) {
        where = std::this_thread::get_id();
        began.set_value();
        disk.get_future().wait();
        done = true;
        return 0;
      },
      [] {});
  thread->Start(3);
  began.get_future().wait();
  EXPECT_FALSE(thread->TakeResult().has_value());
  EXPECT_NE(where, std::this_thread::get_id());
  disk.set_value();
  thread.reset();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace remuda

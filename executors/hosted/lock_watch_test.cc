#include "executors/hosted/lock_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace remuda {
namespace {

// This process, with threads that wait as those of an interpreter do.
class LockWatchTest : public ::testing::Test {
 protected:
  LockWatchTest() { EXPECT_EQ(pipe(pipe_.data()), 0); }

  ~LockWatchTest() override {
    close(pipe_[1]);  // ends all reading
    {
      std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    close(pipe_[0]);
  }

  void Start(const std::function<void()>& wait) {
    ++starting_;
    threads_.emplace_back([this, wait] {
      --starting_;
      wait();
    });
  }

  // A sanitizer's own thread, which waits outside. It may begin with the first
  // of ours.
  int Others() const {
    const auto all = std::distance(
        std::filesystem::directory_iterator("/proc/self/task"), {});
    return static_cast<int>(all) - 1 - static_cast<int>(threads_.size());
  }

  // As the interpreter's lock is waited for.
  void WaitForLock() {
    std::unique_lock lock(mutex_);
    while (!is_over_) changed_.wait_for(lock, std::chrono::minutes(1));
  }

  // As a thread without a task waits for one, and who waits for a lock of the
  // user's code.
  void WaitForOthers() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_over_; });
  }

  void WaitOutside() {
    char byte = 0;
    while (read(pipe_[0], &byte, 1) > 0) {
    }
  }

  // Looks until threads have settled and the first looks weigh nothing.
  std::optional<double> Settled(LockWatch& watch, double wanted) {
    std::optional<double> share;
    for (int i = 0; i < 20'000; ++i) {
      watch.Look();
      share = watch.share();
      if (starting_ == 0 && share && std::abs(*share - wanted) < 0.01) break;
      std::this_thread::yield();
    }
    return share;
  }

  SystemClock clock_;
  EventLoop loop_{clock_};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;
  std::atomic<int> starting_ = 0;
  std::vector<std::thread> threads_;
  std::array<int, 2> pipe_ = {};
};

TEST_F(LockWatchTest, ThreadsThatWaitForTheLockAreTold) {
  for (int i = 0; i < 4; ++i) Start([this] { WaitForLock(); });
  LockWatch watch(loop_, getpid());
  watch.SetRunning(4);
  const double wanted = 4.0 / (4 + Others());
  EXPECT_NEAR(Settled(watch, wanted).value_or(-1), wanted, 0.01);
}

TEST_F(LockWatchTest, OtherWaitsAreNotTheLocks) {
  for (int i = 0; i < 4; ++i) Start([this] { WaitOutside(); });
  LockWatch watch(loop_, getpid());
  watch.SetRunning(4);
  EXPECT_NEAR(Settled(watch, 0).value_or(-1), 0, 0.01);
}

// Threads without a task are many, and no measure of what tasks wait for.
TEST_F(LockWatchTest, TheShareIsOfWhatCanBeToldApart) {
  for (int i = 0; i < 3; ++i) Start([this] { WaitOutside(); });
  for (int i = 0; i < 9; ++i) Start([this] { WaitForOthers(); });
  Start([this] { WaitForLock(); });
  LockWatch watch(loop_, getpid());
  watch.SetRunning(4);
  const double wanted = 1.0 / (4 + Others());
  EXPECT_NEAR(Settled(watch, wanted).value_or(-1), wanted, 0.01);
}

TEST_F(LockWatchTest, OneTaskAloneWaitsForNobody) {
  LockWatch watch(loop_, getpid());
  watch.SetRunning(1);
  for (int i = 0; i < 2 * LockWatch::kLooksMin; ++i) watch.Look();
  EXPECT_EQ(watch.share(), 0);
  watch.SetRunning(2);
  EXPECT_EQ(watch.share(), std::nullopt) << "nobody has looked yet";
}

TEST_F(LockWatchTest, WhereItMayNotLookItSaysNothing) {
  LockWatch watch(loop_, 0x7ffffff0);
  watch.SetRunning(4);
  for (int i = 0; i < 2 * LockWatch::kLooksMin; ++i) watch.Look();
  EXPECT_EQ(watch.share(), std::nullopt);
}

TEST_F(LockWatchTest, ItLooksByItselfWhileSeveralRun) {
  for (int i = 0; i < 2; ++i) Start([this] { WaitForOthers(); });
  LockWatch watch(loop_, getpid());
  watch.SetRunning(2);
  std::function<void()> stop = [&] {
    if (watch.share()) return loop_.Stop();
    loop_.RunAfter(LockWatch::kLookPause, stop);
  };
  loop_.Post(stop);
  loop_.Run();
  EXPECT_TRUE(watch.share().has_value());
}

}  // namespace
}  // namespace remuda

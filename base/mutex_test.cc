#include "base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace remuda {
namespace {

class Counter {
 public:
  void Add() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    ++value_;
    changed_.NotifyAll();
  }

  void WaitUntil(int value) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (value_ < value) changed_.Wait(mutex_);
  }

  // Whether it got there in time.
  bool WaitUntil(int value, Duration longest) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (value_ < value) {
      if (!changed_.WaitFor(mutex_, longest)) return value_ >= value;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int value_ GUARDED_BY(mutex_) = 0;
};

TEST(MutexTest, CountsFromManyThreads) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counter] {
      for (int j = 0; j < 1000; ++j) counter.Add();
    });
  }
  counter.WaitUntil(4000);
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(counter.WaitUntil(4001, std::chrono::milliseconds(1)));
  EXPECT_TRUE(counter.WaitUntil(4000, std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace remuda

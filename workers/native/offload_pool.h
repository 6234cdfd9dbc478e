#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace remuda {

// Threads for what coroutines offload; started as they are needed.
//
// Thread: any.
// Lifetime: destruction does what is queued first.
class OffloadPool {
 public:
  using Work = std::function<void()>;

  static constexpr size_t kThreadsMax = 64;
  static constexpr size_t kWaitingMax = 100'000;

  OffloadPool() = default;
  ~OffloadPool();
  OffloadPool(const OffloadPool&) = delete;
  OffloadPool& operator=(const OffloadPool&) = delete;

  // False, and nothing is done, if too much waits already.
  bool Submit(Work work) EXCLUDES(mutex_);

 private:
  void Run() EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::deque<Work> waiting_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  size_t idle_ GUARDED_BY(mutex_) = 0;
  bool ends_ GUARDED_BY(mutex_) = false;
};

}  // namespace remuda

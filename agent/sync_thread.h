#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "base/mutex.h"

namespace remuda {

// Waits for the disk on a thread of its own, as a control loop must not. The
// thread starts with the first file that is to be synced.
//
// Thread: one owner's, for all methods.
// Lifetime: destruction waits for the sync under way.
class SyncThread {
 public:
  // Makes what was written to the descriptor safe; 0, or what went wrong.
  using Call = std::function<int(int fd)>;

  // `notify` is called on the thread when a result is there to be taken.
  SyncThread(Call call, std::function<void()> notify);
  ~SyncThread();
  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  // Nothing is under way or waits to be taken. The descriptor stays open until
  // then.
  void Start(int fd);

  // What came of it, once.
  std::optional<int> TakeResult();

 private:
  void Run();

  const Call call_;
  const std::function<void()> notify_;
  std::thread thread_;
  Mutex mutex_;
  CondVar wakes_;
  std::optional<int> fd_ GUARDED_BY(mutex_);
  std::optional<int> result_ GUARDED_BY(mutex_);
  bool ends_ GUARDED_BY(mutex_) = false;
};

}  // namespace remuda

#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "base/mutex.h"
#include "coordinator/store/commit_unit.h"
#include "coordinator/store/store.h"

namespace remuda {

// Commits units on a thread of its own: everything that waits goes into one
// transaction, so the more is asked the less each costs. Does not decide what
// to do about a failure: it tells, and never again says that a unit is stored.
//
// Thread: confined to the loop's, the callbacks of Options apart.
// Lifetime: destruction commits what waits and joins the thread, but calls
// nobody back any more. Ends before the loop.
class StoreThread {
 public:
  // Units that may wait; who asks for more must look at full() first.
  static constexpr size_t kUnitsWaitingMax = 1'024;

  struct Options {
    // On the store's thread, after the first error; usually ends the process.
    std::function<void(const absl::Status&)> on_failure;
    // On the store's thread, after each transaction: how long it took, and how
    // long the oldest of its units had waited for it.
    std::function<void(const CommitFacts&, Duration, Duration)> on_commit;
    // On the store's thread, after each checkpoint.
    std::function<void(Duration)> on_checkpoint;
  };

  // `on_committed` runs on the loop, with units in the order of Commit().
  using OnCommitted = std::function<void(std::vector<CommitUnit>)>;

  StoreThread(Store store, EventLoop& loop, Options options,
              OnCommitted on_committed);
  ~StoreThread();
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  void Commit(CommitUnit unit);

  // No unit is on its way; what depends on commits may be done at once.
  bool idle() const { return on_their_way_ == 0; }

  // Take no more work in that leads to units: no messages of agents, no
  // submissions.
  bool full() const { return on_their_way_ >= kUnitsWaitingMax; }

 private:
  void RunThread();
  bool Checkpoint();
  void TakeCommitted();

  EventLoop& loop_;
  const Options options_;
  const OnCommitted on_committed_;
  size_t on_their_way_ = 0;

  Store store_;  // the thread's alone

  Mutex mutex_;
  CondVar wake_;
  std::vector<CommitUnit> waiting_ GUARDED_BY(mutex_);
  MonotonicTime waiting_since_ GUARDED_BY(mutex_){};
  std::vector<CommitUnit> committed_ GUARDED_BY(mutex_);
  bool stop_ GUARDED_BY(mutex_) = false;

  // What the loop still holds of us after our end does nothing. Shared with
  // the tasks posted to the loop.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace remuda

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
// transaction, so the more is asked the less each costs. A small unit that
// nobody waits behind may be committed in passing. Does not decide what to do
// about a failure: it tells, and never again says that a unit is stored.
//
// Thread: confined to the loop's, the callbacks of Options apart.
// Lifetime: destruction commits what waits and joins the thread, but calls
// nobody back any more. Ends before the loop.
class StoreThread {
 public:
  // Units that may wait; who asks for more must look at full() first.
  static constexpr size_t kUnitsWaitingMax = 1'024;

  struct Options {
    // After the first error, on the thread that met it; usually ends the
    // process.
    std::function<void(const absl::Status&)> on_failure;
    // On that thread, after each transaction: how long it took, and how
    // long the oldest of its units had waited for it.
    std::function<void(const CommitFacts&, Duration, Duration)> on_commit;
    // On the store's thread, after each checkpoint.
    std::function<void(Duration)> on_checkpoint;
    // A unit of at most so many events is committed by Commit() itself while
    // the thread sleeps: where a commit does not wait for the disk it takes
    // less time than waking two threads. 0: never.
    size_t events_in_passing = 0;
  };

  // `on_committed` runs on the loop, with units in the order of Commit(); for
  // a unit in passing before Commit() returns. It must not call Commit().
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
  bool FitsInPassing(const CommitUnit& unit);
  void CommitInPassing(CommitUnit unit);
  // What follows the thread's or the loop's Store::Commit(). False: it failed.
  bool CommitAll(std::vector<CommitUnit>& units, MonotonicTime since);
  bool CommitAndTell(std::vector<CommitUnit> units, MonotonicTime since);
  void RunThread();
  bool Checkpoint();
  void TakeCommitted();

  EventLoop& loop_;
  const Options options_;
  const OnCommitted on_committed_;
  size_t on_their_way_ = 0;
  bool failed_ = false;  // in passing

  // The thread's; the loop's while `asleep_`, which only the loop can end.
  Store store_;

  Mutex mutex_;
  CondVar wake_;
  std::vector<CommitUnit> waiting_ GUARDED_BY(mutex_);
  MonotonicTime waiting_since_ GUARDED_BY(mutex_){};
  std::vector<CommitUnit> committed_ GUARDED_BY(mutex_);
  bool asleep_ GUARDED_BY(mutex_) = false;
  bool checkpoint_ GUARDED_BY(mutex_) = false;  // is due, and nobody's yet
  bool stop_ GUARDED_BY(mutex_) = false;

  // What the loop still holds of us after our end does nothing. Shared with
  // the tasks posted to the loop.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace remuda

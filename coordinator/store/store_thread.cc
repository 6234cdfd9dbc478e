#include "coordinator/store/store_thread.h"

#include <iterator>
#include <utility>

#include "base/check.h"

namespace remuda {

StoreThread::StoreThread(Store store, EventLoop& loop, Options options,
                         OnCommitted on_committed)
    : loop_(loop),
      options_(std::move(options)),
      on_committed_(std::move(on_committed)),
      store_(std::move(store)) {
  thread_ = std::thread([this] { RunThread(); });
}

StoreThread::~StoreThread() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
  *alive_ = false;
}

void StoreThread::Commit(CommitUnit unit) {
  ++on_their_way_;
  CHECK(on_their_way_ <= 2 * kUnitsWaitingMax);
  {
    MutexLock lock(mutex_);
    if (waiting_.empty()) waiting_since_ = loop_.clock().Now();
    waiting_.push_back(std::move(unit));
  }
  wake_.NotifyOne();
}

void StoreThread::RunThread() {
  while (true) {
    std::vector<CommitUnit> units;
    MonotonicTime since;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stop_) wake_.Wait(mutex_);
      if (waiting_.empty()) return;
      units.swap(waiting_);
      since = waiting_since_;
    }
    const MonotonicTime start = loop_.clock().Now();
    const absl::StatusOr<CommitFacts> facts = store_.Commit(units);
    if (!facts.ok()) {
      if (options_.on_failure) options_.on_failure(facts.status());
      return;
    }
    if (options_.on_commit) {
      options_.on_commit(*facts, loop_.clock().Now() - start, start - since);
    }
    bool post = false;
    {
      MutexLock lock(mutex_);
      post = committed_.empty();
      committed_.insert(committed_.end(),
                        std::make_move_iterator(units.begin()),
                        std::make_move_iterator(units.end()));
    }
    if (post) {
      loop_.Post([this, alive = alive_] {
        if (*alive) TakeCommitted();
      });
    }
    if (!Checkpoint()) return;
  }
}

// Once the acknowledgements are on their way. False after an error.
bool StoreThread::Checkpoint() {
  if (!store_.checkpoint_due()) return true;
  const MonotonicTime start = loop_.clock().Now();
  const absl::Status done = store_.Checkpoint();
  if (!done.ok()) {
    if (options_.on_failure) options_.on_failure(done);
    return false;
  }
  if (options_.on_checkpoint) {
    options_.on_checkpoint(loop_.clock().Now() - start);
  }
  return true;
}

void StoreThread::TakeCommitted() {
  std::vector<CommitUnit> units;
  {
    MutexLock lock(mutex_);
    units.swap(committed_);
  }
  on_their_way_ -= units.size();
  on_committed_(std::move(units));
}

}  // namespace remuda

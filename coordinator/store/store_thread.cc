#include "coordinator/store/store_thread.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <variant>

#include "base/check.h"
#include "coordinator/core/event.h"

namespace remuda {
namespace {

// Of a grant, tasks, as items may have to be read for each; of ends, ranges
// and bytes of their records.
constexpr uint64_t kTasksInPassing = 16;
constexpr size_t kRecordBytesInPassing = 4'096;

bool IsSmall(const Event& event) {
  if (const auto* granted = std::get_if<TasksGranted>(&event)) {
    return granted->tasks.count <= kTasksInPassing;
  }
  if (const auto* ended = std::get_if<AttemptsEnded>(&event)) {
    return ended->runs.size() <= kTasksInPassing &&
           (ended->records == nullptr ||
            ended->records->size() <= kRecordBytesInPassing);
  }
  return true;
}

}  // namespace

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
  if (FitsInPassing(unit)) return CommitInPassing(std::move(unit));
  ++on_their_way_;
  CHECK(on_their_way_ <= 2 * kUnitsWaitingMax);
  if (failed_) return;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty()) waiting_since_ = loop_.clock().Now();
    waiting_.push_back(std::move(unit));
    asleep_ = false;
  }
  wake_.NotifyOne();
}

bool StoreThread::FitsInPassing(const CommitUnit& unit) {
  const std::vector<Event>& events = unit.output.events;
  if (options_.events_in_passing == 0 || !idle() || !unit.items.empty() ||
      !unit.output.logs.empty() || events.size() > options_.events_in_passing ||
      !std::all_of(events.begin(), events.end(), IsSmall)) {
    return false;
  }
  MutexLock lock(mutex_);
  return asleep_;
}

void StoreThread::CommitInPassing(CommitUnit unit) {
  std::vector<CommitUnit> units;
  units.push_back(std::move(unit));
  if (!CommitAll(units, loop_.clock().Now())) {
    failed_ = true;
    ++on_their_way_;  // for ever: nothing is in passing any more
    return;
  }
  if (store_.checkpoint_due()) {
    {
      MutexLock lock(mutex_);
      checkpoint_ = true;
      asleep_ = false;
    }
    wake_.NotifyOne();
  }
  on_committed_(std::move(units));
}

bool StoreThread::CommitAll(std::vector<CommitUnit>& units,
                            MonotonicTime since) {
  const MonotonicTime start = loop_.clock().Now();
  const absl::StatusOr<CommitFacts> facts = store_.Commit(units);
  if (!facts.ok()) {
    if (options_.on_failure) options_.on_failure(facts.status());
    return false;
  }
  if (options_.on_commit) {
    options_.on_commit(*facts, loop_.clock().Now() - start, start - since);
  }
  return true;
}

void StoreThread::RunThread() {
  while (true) {
    std::vector<CommitUnit> units;
    MonotonicTime since;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !checkpoint_ && !stop_) {
        asleep_ = true;
        wake_.Wait(mutex_);
      }
      asleep_ = false;
      if (waiting_.empty() && !checkpoint_) return;
      units.swap(waiting_);
      since = waiting_since_;
      checkpoint_ = false;
    }
    if (!units.empty() && !CommitAndTell(std::move(units), since)) return;
    if (!Checkpoint()) return;
  }
}

bool StoreThread::CommitAndTell(std::vector<CommitUnit> units,
                                MonotonicTime since) {
  if (!CommitAll(units, since)) return false;
  bool post = false;
  {
    MutexLock lock(mutex_);
    post = committed_.empty();
    committed_.insert(committed_.end(), std::make_move_iterator(units.begin()),
                      std::make_move_iterator(units.end()));
  }
  if (post) {
    loop_.Post([this, alive = alive_] {
      if (*alive) TakeCommitted();
    });
  }
  return true;
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

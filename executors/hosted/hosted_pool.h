#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/event_loop.h"
#include "base/mutex.h"
#include "executors/executor.h"
#include "executors/hosted/hosted_group.h"
#include "executors/hosted/hosted_options.h"
#include "executors/hosted/hosted_task.h"
#include "executors/outcome_queue.h"
#include "executors/processes/process_host.h"

namespace remuda {

// The hosted executor's own thread: finds the workers for each attempt and
// turns what becomes of it into an outcome.
//
// Thread: confined to the loop's, except workers().
// Lifetime: borrows the loop and the queue. Destruction kills everything and
// reports nothing.
class HostedPool {
 public:
  HostedPool(EventLoop& loop, const HostedOptions& options,
             OutcomeQueue& outcomes);

  void Start(std::vector<Attempt> batch);
  void Cancel(AttemptId id, CancelMode mode);
  void Drain(MonotonicTime deadline);

  // As of its last turn. Any thread.
  WorkerNumbers workers() const {
    MutexLock lock(mutex_);
    return numbers_;
  }

 private:
  void Add(HostedTask& task);
  absl::StatusOr<size_t> GroupFor(const Attempt& attempt);
  void Evict();
  void Look();
  void TurnEnd();
  void End(HostedTask& task, Outcome outcome);

  EventLoop& loop_;
  const HostedOptions options_;
  OutcomeQueue& outcomes_;
  OomWatch oom_;
  ProcessHost host_;
  absl::flat_hash_map<AttemptId, std::unique_ptr<HostedTask>> tasks_;
  std::vector<std::unique_ptr<HostedGroup>> groups_;
  absl::flat_hash_map<std::string, size_t> group_of_;
  // Neighbours share their work, and mostly their group.
  std::shared_ptr<const JobWork> last_work_;
  size_t last_group_ = 0;
  bool looks_ = false;  // a timer for Look() runs
  std::vector<Outcome> ended_;
  bool work_changed_ = false;
  mutable Mutex mutex_;
  WorkerNumbers numbers_ GUARDED_BY(mutex_);
};

}  // namespace remuda

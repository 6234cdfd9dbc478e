#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/mutex.h"
#include "executors/executor.h"
#include "executors/outcome_queue.h"
#include "executors/process_pool/command_runner.h"
#include "executors/process_pool/pool_task.h"
#include "executors/process_pool/process_pool_options.h"
#include "executors/process_pool/service_time.h"
#include "executors/process_pool/worker_group.h"
#include "executors/processes/oom_watch.h"
#include "executors/processes/process_host.h"

namespace remuda {

// The process pool's own thread: shares the slots among commands and workers,
// and turns what becomes of the processes into outcomes.
//
// Thread: confined to the loop's, except capacity() and workers().
// Lifetime: borrows the loop and the queue. Destruction kills everything and
// reports nothing.
class ProcessPool {
 public:
  ProcessPool(EventLoop& loop, const ProcessPoolOptions& options,
              std::unique_ptr<Spawner> spawner, OutcomeQueue& outcomes);

  void Start(std::vector<Attempt> batch);
  void Cancel(AttemptId id, CancelMode mode);
  void Drain(MonotonicTime deadline);

  // How many attempts may be held at once: the slots and, while tasks are
  // short, as many as hide the way to and from the agent's loop. Any thread.
  size_t capacity() const { return capacity_.load(std::memory_order_relaxed); }

  // As of its last turn. Any thread.
  WorkerNumbers workers() const {
    MutexLock lock(mutex_);
    return numbers_;
  }

  // The most that capacity() ever is.
  static size_t CapacityMax(const ProcessPoolOptions& options);

 private:
  void Add(PoolTask& task);
  absl::StatusOr<size_t> GroupFor(const Attempt& attempt);
  void Stop(PoolTask& task, PoolTask::Stop why, bool force);
  void Pump();
  void PumpKind(size_t kind, size_t free, bool others_wait);
  size_t SlotsInUse() const;
  size_t SlotsWanted(size_t kind) const;
  void PumpCommands(size_t free);
  void LineUpCommands();
  void Leave(const PoolTask& task);
  void Look();
  void TurnEnd();
  void End(PoolTask& task, Outcome outcome);

  EventLoop& loop_;
  const ProcessPoolOptions options_;
  OutcomeQueue& outcomes_;
  std::atomic<size_t> capacity_;
  ServiceTime service_time_;
  OomWatch oom_;
  ProcessHost host_;
  absl::flat_hash_map<AttemptId, std::unique_ptr<PoolTask>> tasks_;
  std::deque<PoolTask*> waiting_commands_;
  std::deque<PoolTask*> next_commands_;  // begin when others end, in order
  size_t command_slots_used_ = 0;
  size_t commands_running_ = 0;
  CommandRunner commands_;
  std::vector<std::unique_ptr<WorkerGroup>> groups_;
  absl::flat_hash_map<std::string, size_t> group_of_;
  size_t first_turn_ = 0;  // whose turn it is to be given slots first
  bool looks_ = false;     // a timer for Look() runs
  std::vector<Outcome> ended_;
  bool work_changed_ = false;
  mutable Mutex mutex_;
  WorkerNumbers numbers_ GUARDED_BY(mutex_);
};

}  // namespace remuda

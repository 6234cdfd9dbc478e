#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/event_loop.h"
#include "executors/executor.h"
#include "executors/process_pool/pool_task.h"
#include "executors/process_pool/process_pool_options.h"
#include "executors/process_pool/service_time.h"
#include "executors/process_pool/spare_count.h"
#include "executors/process_pool/worker_process.h"
#include "executors/processes/oom_watch.h"
#include "executors/processes/process_host.h"

namespace remuda {

// The workers of one program and the tasks that wait for them: starts workers
// as there is need, keeps them warm, gives each enough short tasks to stay
// busy and long ones one at a time, replaces those that are old or dead. While
// workers are lost it keeps spares, greeted and told what may come, to take
// the place of the next. How many slots it may use is the pool's decision.
//
// Thread: confined to the loop's.
// Lifetime: host and options outlive it. Destruction reports nothing.
class WorkerGroup : public WorkerProcess::Owner {
 public:
  // The outcome lacks its id.
  using Ended = std::function<void(PoolTask& task, Outcome outcome)>;

  using Found = std::function<void(Finding finding)>;

  // `changed` is called when Pump() may have become useful.
  WorkerGroup(EventLoop& loop, ProcessHost& host, OomWatch& oom,
              const ProcessPoolOptions& options, WorkerCommand command,
              Ended ended, Found found, std::function<void()> changed);

  const WorkerCommand& command() const { return command_; }

  // `task` lives until it was given to `ended`.
  void Add(PoolTask& task) { queue_.push_back(&task); }
  bool has_waiting() const { return !queue_.empty(); }

  void Stop(PoolTask& task, CancelMode mode);

  // Slots in use: workers with tasks, and those that start because of some.
  // Spares use none.
  size_t busy() const;

  // Adds its workers and what has become of them.
  void Count(WorkerNumbers& numbers) const;

  // Gives tasks to workers, and uses at most `free` slots more for it.
  // `only_idle`: lets busy workers run dry, as others wait for their slots.
  void Pump(size_t free, bool only_idle);

  // Called now and then: takes tasks back that wait behind a long one, and
  // replaces old workers.
  void Look();

  // Sends what is queued, and buries dead workers. At the end of each turn.
  void Flush();

 private:
  using Workers = std::vector<std::unique_ptr<WorkerProcess>>;

  void OnWorkerReady(WorkerProcess& worker) override;
  void OnTaskEnded(PoolTask& task, Outcome outcome) override;
  void OnTaskReturned(PoolTask& task) override;
  void OnFinding(Finding finding) override { found_(std::move(finding)); }
  void OnWorkerGone(WorkerProcess& worker, WorkerProcess::Gone gone) override;

  void CountExit(WorkerProcess::Exit exit);
  WorkerProcess* NextToFeed(size_t free, bool only_idle);
  size_t HeldMax(const WorkerProcess& worker) const;
  bool HasRoom(const WorkerProcess& worker) const;
  void Feed(WorkerProcess& worker);
  bool Prepare(PoolTask& task);
  void StartWorkers(size_t free);
  bool StartOne(bool is_spare);
  void StartSpares();
  void PrepareSpares();
  void DrainSpares();
  void NoteLoss();
  size_t Spares() const;
  const PoolTask* OneHeld() const;
  void OnStartFailed(const std::string& why, const std::string& last_words,
                     bool for_good);
  void Requeue(const std::vector<PoolTask*>& tasks);
  void EndInLine(PoolTask& task);
  void EndWith(PoolTask& task, Ending ending, std::string error);
  bool IsHeldUp(const WorkerProcess& worker) const;
  uint64_t MemoryBytesMax() const;
  bool ShouldRetire(const WorkerProcess& worker, bool weigh) const;
  const ServiceTime& TimeOf(const PoolTask& task) const;
  // How many tasks may wait in its worker while it runs.
  size_t MayWaitBehind(const PoolTask& task) const;

  EventLoop& loop_;
  ProcessHost& host_;
  OomWatch& oom_;
  const ProcessPoolOptions& options_;
  const WorkerCommand command_;
  const Ended ended_;
  const Found found_;
  const std::function<void()> changed_;
  std::deque<PoolTask*> queue_;
  Workers workers_;
  Workers dead_;
  WorkerNumbers exits_;
  absl::flat_hash_map<JobId, ServiceTime> times_;
  SpareCount spare_count_;
  bool will_drain_spares_ = false;  // a timer for it runs
  int failures_ = 0;                // starts in a row that came to nothing
  MonotonicTime next_start_;
  MonotonicTime next_weighing_;
};

}  // namespace remuda

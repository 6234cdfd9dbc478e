#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "executors/executor.h"
#include "executors/hosted/hosted_options.h"
#include "executors/hosted/hosted_task.h"
#include "executors/hosted/hosted_worker.h"
#include "executors/processes/oom_watch.h"
#include "executors/processes/process_host.h"

namespace remuda {

// The workers of one program and the tasks that wait for them. More workers
// are started up to the options' limit: of threads as there is more in hand,
// of loops as those that turn have no time for more
// (docs/decisions/0058-a-second-loop-for-what-computes.md). Tasks go to the one
// that holds fewest. What a crash leaves behind is sorted here
// (docs/decisions/0013-workers-host-every-executor.md).
//
// Thread: confined to the loop's.
// Lifetime: host and options outlive it. Destruction reports nothing.
class HostedGroup : public HostedWorker::Owner {
 public:
  // The outcome lacks its id.
  using Ended = std::function<void(HostedTask& task, Outcome outcome)>;
  using Found = std::function<void(Finding finding)>;

  // `changed` is called when Pump() may have
  // become useful.
  HostedGroup(EventLoop& loop, ProcessHost& host, OomWatch& oom,
              const HostedOptions& options, WorkerCommand command, Ended ended,
              Found found, std::function<void()> changed);

  // `task` lives until it was given to `ended`.
  void Add(HostedTask& task) { queue_.push_back(&task); }

  void Stop(HostedTask& task, CancelMode mode);

  // Whether it holds tasks or starts workers.
  bool is_busy() const;

  // Adds its workers and what has become of them.
  void Count(WorkerNumbers& numbers) const;

  // Gives tasks to workers and starts some if there is need.
  void Pump();

  // Called now and then while it is busy.
  void Look();

  // Sends what is queued, and buries dead workers. At the end of each turn.
  void Flush();

 private:
  using Workers = std::vector<std::unique_ptr<HostedWorker>>;

  void OnWorkerReady(HostedWorker& worker) override;
  void OnTaskEnded(HostedTask& task, Outcome outcome) override;
  void OnFinding(Finding finding) override { found_(std::move(finding)); }
  void OnWorkerGone(HostedWorker& worker, HostedWorker::Gone gone) override;

  void PumpQueue();
  void PumpSuspects();
  size_t InHand() const;
  size_t Wanted(size_t in_hand) const;
  size_t Alive(bool solo) const;
  HostedWorker* Emptiest(size_t share) const;
  void Feed(HostedWorker& worker, size_t most);
  bool Prepare(HostedTask& task);
  bool StartWorker(size_t slots);
  void OnStartFailed(const std::string& why, const std::string& last_words,
                     bool for_good);
  void Blame(HostedTask& task, const WorkerEnd& end);
  void Sort(HostedWorker::Gone& gone);
  void CountExit(const HostedWorker::Gone& gone);
  void EndWith(HostedTask& task, Ending ending, std::string error);

  EventLoop& loop_;
  ProcessHost& host_;
  OomWatch& oom_;
  const HostedOptions& options_;
  const WorkerCommand command_;
  const Ended ended_;
  const Found found_;
  const std::function<void()> changed_;
  std::deque<HostedTask*> queue_;
  std::deque<HostedTask*> suspects_;  // each runs in a worker of its own
  Workers workers_;
  Workers dead_;
  WorkerNumbers exits_;
  int failures_ = 0;  // starts in a row that came to nothing
  MonotonicTime next_start_;
  MonotonicTime next_weighing_;
  MonotonicTime keep_solos_until_;
};

}  // namespace remuda

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "executors/process_pool/pool_task.h"
#include "executors/process_pool/process_pool_options.h"
#include "executors/processes/oom_watch.h"
#include "executors/processes/process_host.h"
#include "executors/workers/worker_link.h"

namespace remuda {

// One worker: its process, its channel, and the tasks it holds. Which tasks
// those are, and when it has lived long enough, its owner decides.
//
// Thread: confined to the loop's.
// Lifetime: the owner destroys it after OnWorkerGone(), not within. Tasks are
// borrowed until handed back.
class WorkerProcess : private WorkerLink::Owner {
 public:
  enum class State : uint8_t { kStarting, kReady, kDraining, kGone };

  enum class Exit : uint8_t { kRecycled, kError, kSignal, kOom, kTimeout };

  // Why a worker is no more, and what becomes of its tasks.
  struct Gone {
    Exit exit = Exit::kError;  // for the metrics
    bool expected = false;     // it was told to end, or never had a task
    bool could_start = true;   // false: the program itself cannot be run
    bool was_ready = false;
    Ending ending = Ending::kCrash;  // for the task that ran
    std::string how;                 // "was killed by SIGSEGV (...)"
    std::string last_words;          // the end of its standard error
    PoolTask* ran = nullptr;         // the task it had begun, if any
    Duration ran_for = Duration::zero();
    std::vector<PoolTask*> others;  // to run elsewhere, in order
  };

  class Owner {
   public:
    virtual ~Owner() = default;
    // It said hello, or has done something since; CanTake() may be true now.
    virtual void OnWorkerReady(WorkerProcess& worker) = 0;
    // `task` is the worker's no more. The outcome lacks its id.
    virtual void OnTaskEnded(PoolTask& task, Outcome outcome) = 0;
    // The worker did not begin it.
    virtual void OnTaskReturned(PoolTask& task) = 0;
    virtual void OnFinding(Finding finding) = 0;
    virtual void OnWorkerGone(WorkerProcess& worker, Gone gone) = 0;
  };

  // Starts the process; the first news comes later.
  // Errors: ResourceExhausted or Internal; then OnWorkerGone is not called.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Start(
      EventLoop& loop, ProcessHost& host, OomWatch& oom,
      const ProcessPoolOptions& options, const WorkerCommand& command,
      Owner& owner);

  State state() const { return state_; }
  MonotonicTime started() const { return link_->started(); }
  uint64_t tasks_done() const { return tasks_done_; }
  size_t credits() const { return credits_; }
  const std::deque<PoolTask*>& held() const { return held_; }
  // Its resident memory, as far as /proc says; 0 before it has said hello.
  uint64_t MemoryBytes() const { return link_->MemoryBytes(); }

  // Whether Send() may be called: ready, and past what was taken back.
  bool CanTake() const;

  // Whether it waits for another's place: it uses none of its own until it
  // has been given a task, or is said to be no spare any more.
  bool is_spare() const { return is_spare_; }
  void SetSpare(bool is_spare) { is_spare_ = is_spare; }

  // Tells a worker without tasks, once, what may come: imports take time.
  void PrepareFor(const PoolTask& task);

  // Adds tasks of one job at the end of what it holds.
  void Send(std::span<PoolTask* const> tasks, bool with_items);

  // Whether `task` is the one that runs now.
  bool IsRunning(const PoolTask& task) const;

  // Whether it has begun one since it last waited for messages.
  bool is_running() const { return link_->cell().Current() != 0; }

  // Whether it has ended tasks whose results it has not sent.
  bool KeepsResults() const;

  // Asks the running task to stop.
  void Ask(PoolTask& task);

  // Makes the worker look at its channel, between two steps of its task.
  void Poke();

  // Takes back `task` and all behind it that have not begun, for certain and
  // at once. What may just have begun stays, and is reported as it ends.
  std::vector<PoolTask*> TakeBack(const PoolTask& task);

  // It ends when it has done what it holds.
  void Drain();

  void Kill() { link_->Kill(); }

  // Sends what is queued. Called at the end of each turn.
  void Flush() { link_->Flush(); }

  // When the task at the front became the front.
  MonotonicTime front_since() const { return front_since_; }
  MonotonicTime taken_back_at() const { return taken_back_at_; }

  // Keeps the files it prints to within their bounds.
  void TrimOutput() { link_->TrimOutput(); }

 private:
  WorkerProcess(EventLoop& loop, const ProcessPoolOptions& options,
                Owner& owner)
      : loop_(loop),
        options_(options),
        owner_(owner),
        front_since_(loop.Now()) {}

  void OnWorkerMessage(WorkerMessage message) override;
  void OnWorkerEnded(const WorkerEnd& end) override;
  void HandleResults(const std::vector<WorkerResult>& results);
  void EndTask(PoolTask& task, const WorkerResult& result, Duration wall);
  void HandleLog(const WorkerLog& log);
  void HandleFinding(WorkerFinding finding);
  void LimitEnd();
  Exit ExitOf(const WorkerEnd& end, const Gone& gone) const;
  std::string LogFolder(const PoolTask& task) const;

  EventLoop& loop_;
  const ProcessPoolOptions& options_;
  Owner& owner_;
  std::unique_ptr<WorkerLink> link_;
  State state_ = State::kStarting;
  bool is_spare_ = false;
  bool is_prepared_ = false;
  MonotonicTime front_since_;
  MonotonicTime taken_back_at_;
  std::deque<PoolTask*> held_;
  uint64_t next_task_ = 1;
  uint64_t last_ended_ = 0;
  uint64_t revoked_end_ = 0;
  uint64_t tasks_done_ = 0;
  size_t credits_ = 0;
};

}  // namespace remuda

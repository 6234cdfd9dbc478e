#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "executors/finding.h"
#include "executors/hosted/hosted_options.h"
#include "executors/hosted/hosted_task.h"
#include "executors/hosted/lock_watch.h"
#include "executors/workers/worker_link.h"

namespace remuda {

// One worker that runs many tasks at a time, and the tasks it has been given.
// Which those are, and what becomes of them when it dies, its owner decides.
//
// Thread: confined to the loop's.
// Lifetime: the owner destroys it after OnWorkerGone(), not within. Tasks are
// borrowed until handed back.
class HostedWorker : private WorkerLink::Owner {
 public:
  enum class State : uint8_t {
    kStarting,
    kReady,
    kDraining,   // ends when it has done what it holds
    kCondemned,  // is killed when its neighbours had their time
    kGone,
  };

  struct Gone {
    WorkerEnd end;
    bool expected = false;  // it was told to end, and held nothing
    bool condemned = false;
    bool broken = false;             // it broke the protocol
    HostedTask* current = nullptr;   // whose code the loop ran
    std::vector<HostedTask*> tasks;  // all that it held, in order
  };

  class Owner {
   public:
    virtual ~Owner() = default;
    // Ready for the first time, or something has ended: it may take more, or
    // another worker should.
    virtual void OnWorkerReady(HostedWorker& worker) = 0;
    // `task` is the worker's no more. The outcome lacks its id.
    virtual void OnTaskEnded(HostedTask& task, Outcome outcome) = 0;
    virtual void OnFinding(Finding finding) = 0;
    virtual void OnWorkerGone(HostedWorker& worker, Gone gone) = 0;
  };

  // Errors: ResourceExhausted or Internal; then OnWorkerGone is not called.
  static absl::StatusOr<std::unique_ptr<HostedWorker>> Start(
      EventLoop& loop, ProcessHost& host, OomWatch& oom,
      const HostedOptions& options, const WorkerCommand& command,
      const WorkerHosting& hosting, Owner& owner);

  State state() const { return state_; }
  // Runs one task at a time, so that a crash is that task's.
  bool is_solo() const { return hosting_.slots == 1; }
  size_t held() const { return held_.size(); }
  // How many more tasks it takes now.
  size_t room() const;

  // Gives it tasks of one job, at most room().
  void Send(std::span<HostedTask* const> tasks, bool with_items);

  // Asks a task that it holds to stop.
  void Ask(const HostedTask& task);

  // It is killed as soon as nothing but tasks that were told to stop is left,
  // and at once if `task` blocks the loop.
  void Condemn(const HostedTask& task);

  void Kill();

  // It ends when it has done what it holds.
  void Drain();

  // Whether it has lived long enough.
  bool ShouldRetire(bool weigh) const;

  // Whether its loop has lately had no time for more tasks. One that waits for
  // many things has, and of threads it is not known.
  bool is_full() const;

  // Called now and then: asks whether the loop turns, tells if it does not,
  // sees what it uses of a processor, and keeps what the worker prints within
  // its bounds.
  void Look();

  void Flush() { link_->Flush(); }

 private:
  HostedWorker(EventLoop& loop, const HostedOptions& options,
               const WorkerHosting& hosting, Owner& owner)
      : loop_(loop), options_(options), hosting_(hosting), owner_(owner) {}

  void OnWorkerMessage(WorkerMessage message) override;
  void OnWorkerEnded(const WorkerEnd& end) override;
  void HandleResults(const std::vector<WorkerResult>& results);
  void EndTask(HostedTask& task, const WorkerResult& result, Duration wall);
  // Adds what the worker cannot know of itself.
  void Complete(Usage& usage, Duration wall);
  void NoteHeld();
  void HandleFinding(WorkerFinding finding);
  void KillIfNeighboursAreDone();
  void TellBlocked();
  void NoteFull();
  void LookAtUse();
  std::string LogFolder(const HostedTask& task) const;

  EventLoop& loop_;
  const HostedOptions& options_;
  const WorkerHosting hosting_;
  Owner& owner_;
  std::unique_ptr<WorkerLink> link_;
  State state_ = State::kStarting;
  std::map<uint64_t, HostedTask*> held_;
  uint64_t next_number_ = 1;
  uint64_t tasks_done_ = 0;
  size_t credits_ = 0;

  std::unique_ptr<LockWatch> lock_watch_;  // where threads take turns

  // Whether the loop turns: it answers a ping, or is blocked.
  uint64_t pings_ = 0;
  uint64_t pongs_ = 0;
  MonotonicTime pinged_at_;
  uint64_t told_blocked_ = 0;  // the task; once each

  // Since when it has used a whole processor, by looks at it from outside; and
  // when it said last that its loop is full. Of the time since it held nothing.
  MonotonicTime full_since_;
  std::optional<MonotonicTime> said_full_at_;
  Duration cpu_ = Duration::zero();  // used, at the last look
  MonotonicTime looked_at_;
};

}  // namespace remuda

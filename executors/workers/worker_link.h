#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "executors/processes/oom_watch.h"
#include "executors/processes/process_host.h"
#include "executors/workers/worker_command.h"
#include "executors/workers/worker_frames.h"
#include "jobs/outcome.h"
#include "workers/protocol/worker_cell.h"
#include "workers/protocol/worker_channel.h"

namespace remuda {

// Where workers of an agent have their files, and how patient it is.
struct WorkerPlace {
  std::string work_folder;
  std::string log_folder;
  Duration start_max = std::chrono::seconds(60);
};

// How a worker's process ended.
struct WorkerEnd {
  bool started = false;       // it had said that it is ready
  bool could_start = true;    // false: the program itself cannot be run
  bool exited = false;        // by itself, with some code
  bool killed_by_us = false;  // because it was told to die
  bool lease_over = false;    // for which it was ended
  bool by_signal = false;     // that nobody of us sent, or a broken protocol
  Ending ending = Ending::kCrash;  // for what it ran
  std::string how;                 // "was killed by SIGSEGV (...)"
  std::string last_words;          // the end of its standard error
};

// A worker's process and its channel: starts it, greets it, carries frames,
// keeps what it prints, says how it ended. Which tasks it gets, and what their
// results mean, is the owner's affair; so is any mode but for the greeting.
//
// Thread: confined to the loop's.
// Lifetime: the owner destroys it after OnWorkerEnded(), not within.
class WorkerLink {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Everything but hello, which the link answers.
    virtual void OnWorkerMessage(WorkerMessage message) = 0;
    // The last call. What it still said has come before.
    virtual void OnWorkerEnded(const WorkerEnd& end) = 0;
  };

  // Starts the process; the first news comes later.
  // Errors: ResourceExhausted or Internal; then OnWorkerEnded is not called.
  static absl::StatusOr<std::unique_ptr<WorkerLink>> Start(
      EventLoop& loop, ProcessHost& host, OomWatch& oom,
      const WorkerPlace& place, const WorkerCommand& command,
      const WorkerHosting& hosting, Owner& owner);
  ~WorkerLink();

  // Queues a frame; Flush() at the end of each turn sends it.
  void Send(std::string_view body) { unsent_ += WorkerFrame(body); }
  void Flush();

  // To the worker's own process.
  void Signal(int signal);
  // The worker and all that it started.
  void Kill();
  // The same, because it broke the protocol: `reason` is how it ended.
  void Break(const std::string& reason);
  // Kills it unless it has ended in time. Replaces an earlier limit.
  void LimitEnd(Duration time);

  bool broken() const { return !broken_.empty(); }
  WorkerCell& cell() { return cell_; }
  const WorkerCell& cell() const { return cell_; }
  MonotonicTime started() const { return started_; }

  // Its resident memory, as far as /proc says; 0 before it has said hello.
  uint64_t MemoryBytes() const;
  // The same, read again at most once a second; unknown before hello.
  std::optional<uint64_t> MemoryBytesLately();

  // Processor time that it has used, by all its threads, as far as /proc says.
  std::optional<Duration> CpuTime() const;

  // Its process, by what it says of itself; 0 before it has said hello.
  pid_t pid() const { return pid_; }
  bool is_python() const { return is_python_; }
  // Whether its threads take turns: an interpreter of Python with its lock.
  bool has_interpreter_lock() const { return has_interpreter_lock_; }

  // Keeps the files it prints to within their bounds.
  void TrimOutput();

  // Puts what it has printed so far into `folder`, as files `stdout` and
  // `stderr`. False, and no folder, if that is nothing.
  bool SaveOutput(const std::string& folder) const;

  // Puts a task's log into `folder`; breaks the link if the message names a
  // file that is not the worker's to name.
  void SaveLog(const WorkerLog& log, const std::string& folder);

 private:
  WorkerLink(EventLoop& loop, ProcessHost& host, OomWatch& oom,
             const WorkerPlace& place, const WorkerCommand& command,
             const WorkerHosting& hosting, Owner& owner, WorkerCell cell);

  absl::Status Launch(const WorkerCommand& command);
  void OnReadable();
  bool ReadSome();
  void Handle(WorkerMessage message);
  void HandleHello(const WorkerHello& hello);
  void OnEnded(const ProcessEnd& end);

  EventLoop& loop_;
  ProcessHost& host_;
  OomWatch& oom_;
  const WorkerPlace place_;
  const std::string program_;
  const ProcessLimits limits_;
  const WorkerHosting hosting_;
  Owner& owner_;
  WorkerCell cell_;
  UniqueFd socket_;
  UniqueFd output_;  // what it writes to standard output and error:
  UniqueFd errors_;  // files without a name
  std::string folder_;
  uint64_t process_ = 0;
  pid_t pid_ = 0;  // as it says of itself; only for looking at it
  MonotonicTime started_;
  TimerId limit_timer_;
  WorkerFrameCutter frames_;
  std::string unsent_;
  size_t unsent_from_ = 0;
  bool waits_for_room_ = false;
  bool ready_ = false;
  bool is_ending_ = false;  // it was told to end
  int facts_told_ = 0;
  bool is_python_ = false;
  bool has_interpreter_lock_ = false;
  uint64_t memory_bytes_ = 0;  // when it was read last
  MonotonicTime memory_read_at_;
  bool killed_by_us_ = false;
  std::string broken_;  // why the protocol ended, if it did
};

}  // namespace remuda

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/event_loop.h"
#include "executors/executor.h"
#include "executors/process_pool/output_mover.h"
#include "executors/process_pool/pool_task.h"
#include "executors/process_pool/process_pool_options.h"
#include "executors/processes/oom_watch.h"
#include "executors/processes/process_host.h"
#include "jobs/outcome.h"

namespace remuda {

// Runs attempts of the job type `command`: a process each, with its output
// read through pipes. When to start one is the pool's decision.
//
// Thread: confined to the loop's.
// Lifetime: the host outlives it. Destruction reports nothing.
class CommandRunner {
 public:
  // The outcome lacks only the id.
  using Ended = std::function<void(PoolTask& task, Outcome outcome)>;

  CommandRunner(EventLoop& loop, ProcessHost& host, OomWatch& oom,
                const ProcessPoolOptions& options, Ended ended);
  ~CommandRunner();

  // `task` lives until it was given to `ended`, which happens exactly once,
  // perhaps before this returns.
  void Start(PoolTask& task);

  // SIGTERM to its process group, or SIGKILL to its whole tree.
  void Stop(PoolTask& task, CancelMode mode);

 private:
  struct Run;

  absl::Status Launch(Run& run);
  void OnReadable(Run& run, int stream);
  void OnEnded(AttemptId id, const ProcessEnd& end);
  void Finish(std::unique_ptr<Run> run, const ProcessExited& exited);
  Outcome OutcomeOf(const Run& run, const ProcessExited& exited);
  void Keep(std::unique_ptr<Run> run, Outcome outcome);
  void NoteKept(const Run& run);
  void ClosePipes(Run& run);
  void Close(Run& run);

  EventLoop& loop_;
  ProcessHost& host_;
  OomWatch& oom_;
  const ProcessPoolOptions& options_;
  const Ended ended_;
  absl::flat_hash_map<AttemptId, std::unique_ptr<Run>> runs_;
  OutputMover mover_;
  bool losing_output_ = false;
};

}  // namespace remuda

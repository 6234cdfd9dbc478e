#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/event_loop.h"
#include "executors/executor.h"
#include "executors/process_pool/output_mover.h"
#include "executors/process_pool/pool_task.h"
#include "executors/process_pool/process_pool_options.h"
#include "executors/process_pool/work_folders.h"
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
  // kNext: begins when the process of another command ends, whichever is the
  // first, in the order of Start(); so that no time passes between the two.
  enum class Turn : uint8_t { kNow, kNext };

  // The process of `task` has ended, before its outcome is given to Ended. The
  // next in turn, if there is one, has begun in its place.
  using Left = std::function<void(PoolTask& task)>;

  // The outcome lacks only the id.
  using Ended = std::function<void(PoolTask& task, Outcome outcome)>;

  CommandRunner(EventLoop& loop, ProcessHost& host, OomWatch& oom,
                const ProcessPoolOptions& options, Left left, Ended ended);
  ~CommandRunner();

  // `task` lives until it was given to `ended`, which happens exactly once,
  // perhaps before this returns. With kNext another one runs. False if there
  // will be no process, of which Left would hear.
  bool Start(PoolTask& task, Turn turn);

  // The turn of one that was started with kNext has come.
  void Begin(const PoolTask& task);

  // SIGTERM to its process group, or SIGKILL to its whole tree. One whose turn
  // has not come ends as one that was not started.
  void Stop(PoolTask& task, CancelMode mode);

 private:
  struct Run;

  absl::Status Launch(Run& run, Turn turn);
  void Began(Run& run);
  void Watch(Run& run);
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
  const Left left_;
  const Ended ended_;
  WorkFolders folders_;
  absl::flat_hash_map<AttemptId, std::unique_ptr<Run>> runs_;
  OutputMover mover_;
  size_t watch_at_once_ = 0;  // so many more
  bool losing_output_ = false;
};

}  // namespace remuda

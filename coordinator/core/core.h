#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "coordinator/core/counters.h"
#include "coordinator/core/event.h"
#include "coordinator/core/input.h"
#include "coordinator/core/output.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"
#include "wire/messages.h"

namespace remuda {

class CoreState;

// Decides everything a coordinator decides: acceptance, placement, leases,
// fences, retries, cancels, ends. Does not decide how messages travel or how
// state is stored, and never asks for the time.
//
// Used in turns: any number of On...() calls, then Dispatch(), then
// TakeOutput(). Deterministic: the same calls give the same output.
//
// Thread: confined to the coordinator's control loop.
// Lifetime: a value; nothing it returns refers to it.
class Core {
 public:
  explicit Core(const CoreOptions& options);
  ~Core();

  // Once, before anything else. Tasks whose grant may still be held wait for
  // that agent's Hello or one lease. Errors: DataLoss names what does not fit.
  absl::Status Restore(const Now& now, const StoredState& state);

  // An event of the history, for replay: changes state, gives no output.
  void Apply(const Event& event);

  // The core remembers live jobs only. `stored` is what the store says of the
  // key; the caller asks it before each submission. That it may lag behind
  // the core by some commits does no harm.
  void OnSubmit(const Now& now, Peer client, uint64_t request,
                const std::string& key, std::vector<JobToAccept> jobs,
                std::optional<StoredSubmission> stored);
  // `stored` is what the store says of the job, asked only when summary()
  // does not know it.
  void OnCancel(const Now& now, Peer client, uint64_t request,
                const CancelJob& cancel, std::optional<JobSummary> stored);
  // The job moves once nothing of it is granted any more, and is granted
  // nothing until then; what has not begun is wanted back. A later wish
  // replaces this one, one for the executor that it has takes it back. Does
  // nothing to a job that is unknown, ended or being cancelled.
  void OnExecutorWish(const Now& now, ExecutorWish wish);
  void OnAgentMessage(const Now& now, const AgentSender& sender,
                      AgentMessage message);
  // The connection is known to be gone. The lease still counts.
  void OnAgentUnreachable(const Now& now, Peer agent);

  // Leases, suspects, retries that are due.
  void OnTime(const Now& now);
  std::optional<MonotonicTime> next_time() const;

  // Grants what fits. Call it once a turn, after the inputs.
  void Dispatch(const Now& now);

  Output TakeOutput();

  Term term() const;
  std::vector<AgentSummary> agents() const;
  std::optional<JobSummary> summary(JobId job) const;

  // How far tasks of a live job say they are. Not part of the state.
  std::vector<TaskProgress> progress(JobId job) const;
  std::vector<JobId> live_jobs() const;
  // What is left to be granted of a live job, now or later.
  uint64_t tasks_waiting(JobId job) const;

  // Two cores with the same digest decide alike from here on, sessions and
  // clocks apart.
  std::string StateDigest() const;

  const CoreCounters& counters() const;

 private:
  std::unique_ptr<CoreState> state_;
};

}  // namespace remuda

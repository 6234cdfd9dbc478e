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
#include "coordinator/core/output.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"
#include "wire/messages.h"

namespace remuda {

struct CoreOptions {
  Duration heartbeat_interval = std::chrono::seconds(2);
  Duration suspect_after = std::chrono::seconds(6);
  Duration lease = std::chrono::seconds(30);
  double clock_drift = 0.01;
  uint32_t infrastructure_losses_max = 5;  // then the task is lost
  uint64_t grant_tasks_max = 16 * kTasksPerChunk;  // in one message
  uint64_t jobs_live_max = 100'000;
};

// One time, both clocks, so that decisions never ask for it.
struct Now {
  MonotonicTime monotonic{};
  WallTime wall{};
};

// One job of a submission, checked by the server: its type is known, its
// executor chosen, its items counted and digested.
struct JobToAccept {
  // Both shared with the JobAccepted event.
  std::shared_ptr<const Job> job;
  std::shared_ptr<const std::string> job_json;
  std::string digest;
  uint64_t tasks = 0;
  uint64_t item_bytes_max = 0;  // the longest item of a list; else 0
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string executor_reason;
};

// A submission that the store knows by its key, all its jobs by document.
struct StoredSubmission {
  std::vector<std::string> digests;
  std::vector<JobSummary> jobs;
};

// Who sent an agent's message: the connection, and what the frame's header
// said of the session it belongs to. A Hello belongs to none.
struct AgentSender {
  Peer peer;
  Term term;
  SessionId session;
};

// What the store held at the last commit; see Core::Restore.
struct StoredJob {
  JobAccepted accepted;
  JobSummary summary;
  bool cancel_requested = false;
};
struct StoredChunk {
  JobId job;
  uint64_t chunk = 0;
  uint64_t version = 0;
  std::string state;
};
struct StoredState {
  Term term;  // of the coordinator that wrote it
  std::vector<StoredJob> jobs;        // not terminal
  std::vector<StoredChunk> chunks;    // of those jobs
  std::vector<TasksGranted> grants;   // not done, in the order granted
  std::vector<AgentRegistered> agents;  // that have not left
  GrantId last_grant;
  AgentId last_agent;
  JobId last_job;
};

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
  std::vector<JobId> live_jobs() const;

  // Two cores with the same digest decide alike from here on, sessions and
  // clocks apart.
  std::string StateDigest() const;

  const CoreCounters& counters() const;

 private:
  std::unique_ptr<CoreState> state_;
};

}  // namespace remuda

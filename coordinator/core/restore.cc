#include "coordinator/core/restore.h"

#include <algorithm>
#include <string>

#include "coordinator/core/retry_policy.h"
#include "coordinator/core/sessions.h"

namespace remuda {
namespace {

std::string Named(JobId job) {
  return "job " + std::to_string(job.value) + ": ";
}

absl::Status Lost(const std::string& what) { return absl::DataLossError(what); }

absl::Status AddJobs(CoreState& state, const StoredState& stored) {
  for (const StoredJob& job : stored.jobs) {
    const JobId id = job.accepted.id;
    if (id.value == 0 || !job.accepted.job || IsTerminal(job.summary.state) ||
        state.FindJob(id) != nullptr) {
      return Lost(Named(id) + "twice, without its text, or ended");
    }
    LiveJob& live = state.AddJob(job.accepted);
    live.state = job.summary.state;
    live.attempts = job.summary.attempts;
    live.losses = job.summary.infrastructure_losses;
    live.started_at = job.summary.started_at;
    live.reason = job.summary.reason;
    live.findings = job.summary.findings;
    live.moves = job.moves;
    if (job.cancel_requested != live.cancelling()) {
      return Lost(Named(id) + "its state and its cancel disagree");
    }
    if (job.cancel_requested) state.cancelling.insert(id);
  }
  return absl::OkStatus();
}

absl::Status AddTasks(CoreState& state, const StoredState& stored) {
  for (const StoredChunk& chunk : stored.chunks) {
    LiveJob* job = state.FindJob(chunk.job);
    if (job == nullptr) return Lost("a chunk belongs to no live job");
    const absl::Status restored =
        job->tasks.RestoreChunk(chunk.chunk, chunk.version, chunk.state);
    if (!restored.ok()) {
      return Lost(Named(chunk.job) + std::string(restored.message()));
    }
  }
  for (const TasksGranted& grant : stored.grants) {
    LiveJob* job = state.FindJob(grant.job);
    if (job == nullptr) return Lost("a grant belongs to no live job");
    if (state.agents.Find(grant.agent) == nullptr) {
      return Lost("grant " + std::to_string(grant.grant.value) +
                  " belongs to no agent");
    }
    const absl::Status restored =
        job->tasks.RestoreGrant({.id = grant.grant,
                                 .job = grant.job,
                                 .agent = grant.agent,
                                 .tasks = grant.tasks,
                                 .fence = grant.fence});
    if (!restored.ok()) {
      return Lost(Named(grant.job) + std::string(restored.message()));
    }
  }
  return absl::OkStatus();
}

// A back-off never gets longer by a restart, whatever the calendar does.
void ResumeDelays(CoreState& state, const Now& now, const LiveJob& job,
                  const std::vector<JobTasks::Piece>& delayed) {
  const RetryPolicy& policy = job.accepted.job->retry;
  const auto longest = Duration(static_cast<Duration::rep>(
      static_cast<double>(std::max(policy.initial, policy.max).count()) *
      (1.0 + policy.jitter)));
  for (const JobTasks::Piece& piece : delayed) {
    const Duration left =
        std::clamp(piece.tries.not_before - now.wall, Duration::zero(),
                   std::max(longest, Duration::zero()));
    state.DelayUntil(now.monotonic + left, job.accepted.id, piece.tasks);
  }
}

absl::Status CheckCounts(const LiveJob& job, const JobSummary& stored) {
  if (job.tasks.counts() == stored.tasks) return absl::OkStatus();
  return Lost(Named(job.accepted.id) +
              "its counts and its tasks' states disagree");
}

absl::Status Recover(CoreState& state, const Now& now,
                     const StoredState& stored) {
  for (const StoredJob& entry : stored.jobs) {
    LiveJob& job = *state.FindJob(entry.accepted.id);
    const absl::StatusOr<std::vector<JobTasks::Piece>> delayed =
        job.tasks.Recover(job.cancelling());
    if (!delayed.ok()) {
      return Lost(Named(entry.accepted.id) +
                  std::string(delayed.status().message()));
    }
    for (auto& [place, grant] : job.tasks.grants()) {
      state.AddGrant(job, grant);
    }
    const absl::Status counts = CheckCounts(job, entry.summary);
    if (!counts.ok()) return counts;
    state.CountWaiting(job);
    ResumeDelays(state, now, job, *delayed);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RestoreState(CoreState& state, const Now& now,
                          const StoredState& stored) {
  for (const AgentRegistered& agent : stored.agents) {
    if (agent.agent.value == 0 || agent.instance.empty()) {
      return Lost("an agent without a number or an instance");
    }
    AgentEntry& entry = state.agents.Register(agent);
    const Duration lease = LeaseEnd(state, now.monotonic) - now.monotonic;
    entry.heard = state.options.agents_die_with_us ? now.monotonic - lease
                                                   : now.monotonic;
    state.agents.WakeAt(agent.agent, LeaseEnd(state, entry.heard));
    state.last_agent = std::max(state.last_agent, agent.agent);
  }
  absl::Status status = AddJobs(state, stored);
  if (status.ok()) status = AddTasks(state, stored);
  if (status.ok()) status = Recover(state, now, stored);
  if (!status.ok()) return status;
  state.generation = stored.generation;
  state.last_job = std::max(state.last_job, stored.last_job);
  state.last_agent = std::max(state.last_agent, stored.last_agent);
  state.last_grant = std::max(state.last_grant, stored.last_grant);
  state.Emit(TermStarted{.term = Term{stored.term.value + 1}, .at = now.wall});
  return absl::OkStatus();
}

}  // namespace remuda

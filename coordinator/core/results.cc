#include "coordinator/core/results.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "coordinator/core/retry_policy.h"

namespace remuda {
namespace {

// Tasks that fail together wait together, in aligned groups of this many: a
// long run of failures costs few entries, and its retries spread all the same.
constexpr uint64_t kJitterGroup = 64;

void CountStale(CoreState& state, AgentMessageKind kind, StaleReason reason) {
  ++state.counters
        .stale[static_cast<size_t>(kind)][static_cast<size_t>(reason)];
}

void CountStale(CoreState& state, StaleReason reason) {
  CountStale(state, AgentMessageKind::kResults, reason);
}

// True if it is this message's turn; answers for those whose it is not.
bool TakeTurn(CoreState& state, AgentEntry& agent, uint64_t sequence,
              AgentMessageKind kind) {
  Session& session = *agent.session;
  if (sequence == 0 || sequence == UINT64_MAX) {
    CountStale(state, kind, StaleReason::kMalformed);
    return false;
  }
  if (!session.results_next.has_value()) session.results_next = sequence;
  if (sequence != *session.results_next) {
    const bool is_old = sequence < *session.results_next;
    if (is_old) ++state.counters.duplicates;
    CountStale(state, kind,
               is_old ? StaleReason::kOldSequence : StaleReason::kGap);
    state.AckResults(agent);
    return false;
  }
  ++*session.results_next;
  state.AckResults(agent);
  return true;
}

// Checks the runs of one batch, one after the other.
class RunCheck {
 public:
  explicit RunCheck(uint64_t total) : total_(total) {}

  bool Accepts(const EndingRun& run) {
    const IndexRange tasks = run.tasks;
    if (tasks.count == 0 || tasks.count > kTasksPerChunk ||
        tasks.count > total_ || tasks.first > total_ - tasks.count ||
        run.fence.value == 0 || static_cast<int>(run.ending) >= kEndings) {
      return false;
    }
    const uint64_t last = tasks.first + tasks.count - 1;
    const uint64_t chunk = ChunkOf(tasks.first);
    if (ChunkOf(last) != chunk) return false;
    if (any_ && (chunk != chunk_ || tasks.first < end_)) return false;
    any_ = true;
    chunk_ = chunk;
    end_ = last + 1;
    return true;
  }

 private:
  const uint64_t total_;
  bool any_ = false;
  uint64_t chunk_ = 0;
  uint64_t end_ = 0;
};

// Appends what follows for tasks that ended alike and had the same tries.
void AppendRuns(const CoreState& state, const Now& now, const LiveJob& job,
                const EndingRun& ended, const JobTasks::Piece& piece,
                std::vector<AttemptsEnded::Run>& runs) {
  const RetryPolicy& policy = job.accepted.job->retry;
  const NextState next =
      AfterTry({.policy = policy,
                .losses_max = state.options.infrastructure_losses_max,
                .cancelling = job.cancelling()},
               piece.tries, ended);
  AttemptsEnded::Run run = {
      .ended = ended, .state = next.state, .not_before = {}};
  if (next.failures == 0) {
    run.ended.tasks = piece.tasks;
    runs.push_back(run);
    return;
  }
  const uint64_t end = piece.tasks.first + piece.tasks.count;
  for (uint64_t at = piece.tasks.first; at < end;) {
    const uint64_t group = at / kJitterGroup;
    const uint64_t until = std::min(end, (group + 1) * kJitterGroup);
    const Duration delay = BackOff(
        policy, next.failures, JitterSeed(job.accepted.id, group, ended.fence));
    run.ended.tasks = {.first = at, .count = until - at};
    run.not_before = now.wall + delay;
    runs.push_back(run);
    at = until;
  }
}

void DecideBatch(CoreState& state, const Now& now, AgentEntry& agent,
                 EndedBatch batch) {
  LiveJob* job = state.FindJob(batch.job);
  if (job == nullptr) {
    CountStale(state, StaleReason::kJobGone);
    return;
  }
  if (batch.executor != job->accepted.executor) {
    // From before it moved, of attempts that were given up.
    CountStale(state, job->moves > 0 ? StaleReason::kNotRunning
                                     : StaleReason::kMalformed);
    return;
  }
  AttemptsEnded event;
  event.job = batch.job;
  event.agent = agent.registered.agent;
  event.executor = batch.executor;
  event.at = now.wall;
  RunCheck check(job->accepted.tasks);
  for (const EndingRun& run : batch.runs) {
    if (!check.Accepts(run)) {
      CountStale(state, StaleReason::kMalformed);
      continue;
    }
    const JobTasks::Running running =
        job->tasks.RunningAt(run.tasks, run.fence, event.agent);
    if (running.other_holder > 0) {
      CountStale(state, StaleReason::kOtherHolder);
    }
    if (running.tasks + running.other_holder < run.tasks.count) {
      CountStale(state, StaleReason::kNotRunning);
    }
    for (const JobTasks::Piece& piece : running.pieces) {
      AppendRuns(state, now, *job, run, piece, event.runs);
    }
  }
  if (event.runs.empty()) return;
  if (!batch.records.empty()) {
    event.records =
        std::make_shared<const std::string>(std::move(batch.records));
  }
  for (const AttemptsEnded::Run& run : event.runs) {
    if (run.not_before == WallTime{}) continue;
    state.DelayUntil(now.monotonic + (run.not_before - now.wall), batch.job,
                     run.ended.tasks);
  }
  state.Emit(std::move(event));
  state.FinishIfDone(now, batch.job);
}

}  // namespace

void NoteBegun(CoreState& state, AgentEntry& agent,
               const std::vector<LastBegun>& begun) {
  for (const LastBegun& last : begun) {
    const auto kind = static_cast<size_t>(last.executor);
    const LiveJob* job = state.FindJob(last.attempt.job);
    if (job == nullptr || kind >= agent.begun.size() ||
        job->accepted.executor != last.executor) {
      continue;
    }
    const LiveGrant* newest =
        job->tasks.GrantAt(last.attempt.task, last.attempt.fence);
    if (newest == nullptr || newest->agent != agent.registered.agent ||
        newest->id < agent.begun[kind]) {
      continue;
    }
    // An agent starts what it was granted in that order.
    for (auto at = agent.grants.lower_bound(agent.begun[kind]);
         at != agent.grants.end() && *at < newest->id; ++at) {
      const LiveGrant& grant = state.GrantOf(*at);
      if (state.FindJob(grant.job)->accepted.executor == last.executor) {
        state.Begin(*at, grant.tasks.count);
      }
    }
    agent.begun[kind] = newest->id;
    state.Begin(newest->id, last.attempt.task - newest->tasks.first + 1);
  }
}

void DecideResults(CoreState& state, const Now& now, AgentEntry& agent,
                   Results results) {
  if (!TakeTurn(state, agent, results.sequence, AgentMessageKind::kResults)) {
    return;
  }
  if (results.batches.size() > kResultBatchesMax) {
    CountStale(state, StaleReason::kMalformed);
    return;
  }
  // First, as its grant is over when the last end of it is taken.
  NoteBegun(state, agent, results.begun);
  for (EndedBatch& batch : results.batches) {
    DecideBatch(state, now, agent, std::move(batch));
  }
}

void DecideLogChunk(CoreState& state, AgentEntry& agent, LogChunk chunk) {
  constexpr AgentMessageKind kKind = AgentMessageKind::kLogChunk;
  if (!TakeTurn(state, agent, chunk.sequence, kKind)) return;
  LiveJob* job = state.FindJob(chunk.attempt.job);
  if (job == nullptr) {
    CountStale(state, kKind, StaleReason::kJobGone);
    return;
  }
  const bool is_stream = chunk.stream == 1 || chunk.stream == 2;
  if (!is_stream || chunk.attempt.task >= job->accepted.tasks) {
    CountStale(state, kKind, StaleReason::kMalformed);
    return;
  }
  const JobTasks::Running running =
      job->tasks.RunningAt({.first = chunk.attempt.task, .count = 1},
                           chunk.attempt.fence, agent.registered.agent);
  if (running.tasks == 0) {
    CountStale(state, kKind,
               running.other_holder > 0 ? StaleReason::kOtherHolder
                                        : StaleReason::kNotRunning);
    return;
  }
  state.logs.push_back(std::move(chunk));
}

}  // namespace remuda

#include "coordinator/core/sessions.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "coordinator/core/findings.h"
#include "coordinator/core/moves.h"
#include "coordinator/core/results.h"
#include "coordinator/core/retry_policy.h"

namespace remuda {
namespace {

using When = CoreState::When;

void CountStale(CoreState& state, AgentMessageKind kind, StaleReason reason) {
  ++state.counters
        .stale[static_cast<size_t>(kind)][static_cast<size_t>(reason)];
}

void Refuse(CoreState& state, const AgentSender& sender, Refusal::Code code,
            std::string reason) {
  ++state.counters.sessions_refused;
  state.SendTo(sender.peer, sender.session,
               Refusal{.code = code, .reason = std::move(reason)},
               When::kAtOnce);
}

// Takes tasks back from an agent that will not report them.
void Return(CoreState& state, const Now& now, const LiveGrant& grant,
            const JobTasks::Piece& piece, bool charged,
            const std::string& reason) {
  const LiveJob& job = *state.FindJob(grant.job);
  const TaskState after =
      AfterReturn({.policy = job.accepted.job->retry,
                   .losses_max = state.options.infrastructure_losses_max,
                   .cancelling = job.cancelling()},
                  piece.tries, charged);
  state.Emit(TasksReturned{
      .job = grant.job,
      .agent = grant.agent,
      .tasks = {.job = grant.job, .tasks = piece.tasks, .fence = grant.fence},
      .charged = charged,
      .state = after,
      .reason = reason,
      .at = now.wall});
}

// The same, where what only waited there has lost nothing.
void ReturnUnended(CoreState& state, const Now& now, const LiveGrant& grant,
                   const JobTasks::Piece& piece, bool charged,
                   const std::string& reason) {
  const uint64_t end = piece.tasks.first + piece.tasks.count;
  const uint64_t until =
      std::clamp(grant.tasks.first + grant.begun, piece.tasks.first, end);
  const IndexRange begun = {.first = piece.tasks.first,
                            .count = until - piece.tasks.first};
  const IndexRange waiting = {.first = until, .count = end - until};
  if (begun.count > 0) {
    Return(state, now, grant, {.tasks = begun, .tries = piece.tries}, charged,
           reason);
  }
  if (waiting.count > 0) {
    Return(state, now, grant, {.tasks = waiting, .tries = piece.tries},
           /*charged=*/false, reason);
  }
}

void GiveUp(CoreState& state, const Now& now, AgentId id, bool charged,
            const std::string& reason) {
  const std::set<GrantId> held = state.agents.Find(id)->grants;
  for (const GrantId grant_id : held) {
    const LiveGrant grant = state.GrantOf(grant_id);
    const LiveJob& job = *state.FindJob(grant.job);
    for (const JobTasks::Piece& piece : job.tasks.RunningUnder(grant)) {
      ReturnUnended(state, now, grant, piece, charged, reason);
    }
    state.FinishIfDone(now, grant.job);
  }
  state.Emit(AgentLeft{.agent = id, .reason = reason, .at = now.wall});
}

// What an agent that says Hello holds, compared with what it was granted.
class HeldCheck {
 public:
  HeldCheck(CoreState& state, const Now& now, AgentId agent)
      : state_(state), now_(now), agent_(agent) {}

  // The part of `held` that is not current.
  std::vector<FencedRange> Fence(const std::vector<FencedRange>& held) {
    std::vector<FencedRange> fenced;
    for (const FencedRange& range : held) {
      IndexRanges stale(range.tasks);
      if (LiveJob* job = state_.FindJob(range.job); job != nullptr) {
        for (const JobTasks::Piece& piece :
             job->tasks.RunningAt(range.tasks, range.fence, agent_).pieces) {
          kept_[{range.job, range.fence}].Add(piece.tasks);
          stale.Remove(piece.tasks);
        }
      }
      for (const IndexRange tasks : stale.ranges()) {
        fenced.push_back(
            {.job = range.job, .tasks = tasks, .fence = range.fence});
      }
    }
    return fenced;
  }

  // What was granted and not mentioned never arrived, or ended with the
  // process that had it.
  enum class Cause : uint8_t { kNeverArrived, kProcessEnded };
  void ReturnTheRest(Cause cause) {
    const std::set<GrantId> grants = state_.agents.Find(agent_)->grants;
    for (const GrantId id : grants) {
      const LiveGrant grant = state_.GrantOf(id);
      const LiveJob& job = *state_.FindJob(grant.job);
      const IndexRanges& kept = kept_[{grant.job, grant.fence}];
      for (const JobTasks::Piece& piece : job.tasks.RunningUnder(grant)) {
        IndexRanges missing(piece.tasks);
        for (const IndexRange part : kept.Intersect(piece.tasks)) {
          missing.Remove(part);
        }
        for (const IndexRange tasks : missing.ranges()) {
          const JobTasks::Piece gone = {.tasks = tasks, .tries = piece.tries};
          if (cause == Cause::kProcessEnded) {
            ReturnUnended(state_, now_, grant, gone, /*charged=*/true,
                          "its agent's process ended");
            continue;
          }
          state_.counters.tasks_never_arrived += tasks.count;
          Return(state_, now_, grant, gone, /*charged=*/false,
                 "never arrived at the agent");
        }
      }
      state_.FinishIfDone(now_, grant.job);
    }
  }

 private:
  CoreState& state_;
  const Now& now_;
  const AgentId agent_;
  std::map<std::pair<JobId, remuda::Fence>, IndexRanges> kept_;
};

// What of the agent's grants has begun, by a Hello that told them all.
void BeginHeld(CoreState& state, const AgentEntry& agent,
               const std::vector<FencedRange>& waiting) {
  std::map<std::pair<JobId, Fence>, IndexRanges> waits;
  for (const FencedRange& range : waiting) {
    waits[{range.job, range.fence}].Add(range.tasks);
  }
  for (const GrantId id : agent.grants) {
    const LiveGrant& grant = state.GrantOf(id);
    const auto found = waits.find({grant.job, grant.fence});
    uint64_t begun = grant.tasks.count;
    if (found != waits.end()) {
      const auto parts = found->second.Intersect(grant.tasks);
      if (!parts.empty()) begun = parts.front().first - grant.tasks.first;
    }
    state.Begin(id, begun);
  }
}

bool IsWellFormed(const Hello& hello) {
  if (hello.instance.empty() || hello.instance.size() > kNameBytesMax ||
      hello.process.size() > kNameBytesMax ||
      hello.name.size() > kNameBytesMax ||
      hello.version.size() > kNameBytesMax ||
      hello.executors.size() > kExecutorKinds ||
      hello.job_types.size() > kJobTypesMax ||
      hello.labels.size() > kLabelsMax || hello.held.size() > kHeldRangesMax ||
      hello.waiting.size() > kHeldRangesMax ||
      hello.protocol_min > hello.protocol_max) {
    return false;
  }
  for (const auto& [key, value] : hello.labels) {
    if (key.size() > kNameBytesMax || value.size() > kNameBytesMax) {
      return false;
    }
  }
  const auto has_end = [](const FencedRange& range) {
    constexpr uint64_t kMax = UINT64_MAX - 1;
    return range.tasks.first <= kMax &&
           range.tasks.count <= kMax - range.tasks.first;
  };
  return std::all_of(hello.held.begin(), hello.held.end(), has_end) &&
         std::all_of(hello.waiting.begin(), hello.waiting.end(), has_end);
}

AgentRegistered Particulars(AgentId id, const Now& now, const Hello& hello) {
  return {.agent = id,
          .instance = hello.instance,
          .name = hello.name,
          .executors = hello.executors,
          .labels = hello.labels,
          .memory_bytes = hello.memory_bytes,
          .at = now.wall};
}

bool IsRegisteredAs(const AgentRegistered& registered, const Hello& hello) {
  const bool same_executors =
      std::equal(registered.executors.begin(), registered.executors.end(),
                 hello.executors.begin(), hello.executors.end(),
                 [](const ExecutorOffer& a, const ExecutorOffer& b) {
                   return a.kind == b.kind && a.slots == b.slots;
                 });
  return same_executors && registered.name == hello.name &&
         registered.labels == hello.labels &&
         registered.memory_bytes == hello.memory_bytes;
}

// Of the processes of one data folder each starts later than the one before;
// one that does not is of a copy of the folder. A late Hello of a process that
// is gone looks the same, and nobody hears its refusal.
bool IsSuperseded(const AgentEntry& agent, const Hello& hello) {
  return !agent.process.empty() && hello.process != agent.process &&
         StartOf(hello.number) <= StartOf(agent.hello_number);
}

// The agent of a Hello, registered, or none if it has been answered.
AgentEntry* Register(CoreState& state, const Now& now,
                     const AgentSender& sender, const Hello& hello) {
  AgentEntry* agent = state.agents.FindInstance(hello.instance);
  if (agent == nullptr) {
    if (state.agents.size() >= AgentTable::kAgentsMax) {
      Refuse(state, sender, Refusal::Code::kBusy, "too many agents");
      return nullptr;
    }
    ++state.counters.sessions_opened;
    const AgentId id{state.last_agent.value + 1};
    state.Emit(Particulars(id, now, hello));
    return state.agents.Find(id);
  }
  if (IsSuperseded(*agent, hello)) {
    Refuse(state, sender, Refusal::Code::kSuperseded,
           "another process goes on as this agent; its data folder was copied "
           "or is an older copy");
    return nullptr;
  }
  if (hello.number != 0 && hello.number <= agent->hello_number) {
    CountStale(state, AgentMessageKind::kHello, StaleReason::kOldSequence);
    return nullptr;
  }
  ++state.counters.sessions_resumed;
  if (!IsRegisteredAs(agent->registered, hello)) {
    state.Emit(Particulars(agent->registered.agent, now, hello));
  }
  return agent;
}

void OpenSession(CoreState& state, const Now& now, AgentEntry& agent, Peer peer,
                 const Hello& hello) {
  Session session;
  session.id = SessionId{++state.last_session.value};
  session.peer = peer;
  session.job_types = hello.job_types;
  std::sort(session.job_types.begin(), session.job_types.end());
  session.draining = hello.draining;
  session.says_backlogs = hello.says_backlogs;
  session.unconfirmed = {
      .all = hello.held, .waiting = hello.waiting, .process = hello.process};
  if (hello.results_first != 0) session.results_next = hello.results_first;
  AgentEntry* other = state.agents.FindPeer(peer);
  state.agents.OpenSession(agent, std::move(session));
  if (other != nullptr && other != &agent) state.UpdateFree(*other);
  agent.heard = now.monotonic;
  agent.suspect = false;
  agent.hello_number = hello.number;
  agent.process = hello.process;
  agent.credit = {};
  state.agents.WakeAt(agent.registered.agent,
                      now.monotonic + state.options.suspect_after);
  state.UpdateClasses(agent);
}

void OnHello(CoreState& state, const Now& now, const AgentSender& sender,
             const Hello& hello) {
  if (!IsWellFormed(hello)) {
    CountStale(state, AgentMessageKind::kHello, StaleReason::kMalformed);
    Refuse(state, sender, Refusal::Code::kMalformed,
           "this Hello is over a limit or contradicts itself");
    return;
  }
  if (hello.protocol_max < kProtocolMin || hello.protocol_min > kProtocolMax) {
    Refuse(state, sender, Refusal::Code::kVersion,
           "the agent speaks protocols " + std::to_string(hello.protocol_min) +
               " to " + std::to_string(hello.protocol_max) +
               ", the coordinator " + std::to_string(kProtocolMin) + " to " +
               std::to_string(kProtocolMax));
    return;
  }
  AgentEntry* agent = Register(state, now, sender, hello);
  if (agent == nullptr) return;
  OpenSession(state, now, *agent, sender.peer, hello);
  Welcome welcome;
  welcome.protocol = std::min(hello.protocol_max, kProtocolMax);
  welcome.term = state.term;
  welcome.session = agent->session->id;
  welcome.agent = agent->registered.agent;
  welcome.lease = state.options.lease;
  welcome.heartbeat_interval = state.options.heartbeat_interval;
  welcome.generation = state.generation;
  welcome.hello = hello.number;
  welcome.fenced =
      HeldCheck(state, now, agent->registered.agent).Fence(hello.held);
  for (const FencedRange& range : welcome.fenced) {
    state.counters.tasks_fenced += range.tasks.count;
  }
  state.Send(*agent, std::move(welcome), When::kAfterCommit);
}

// The first message of a session shows that its Hello was the agent's last.
void Confirm(CoreState& state, const Now& now, AgentEntry& agent) {
  if (!agent.session->unconfirmed.has_value()) return;
  const Session::Held held = *std::move(agent.session->unconfirmed);
  agent.session->unconfirmed.reset();
  HeldCheck check(state, now, agent.registered.agent);
  check.Fence(held.all);
  const bool is_next =
      !agent.heard_process.empty() && agent.heard_process != held.process;
  check.ReturnTheRest(is_next ? HeldCheck::Cause::kProcessEnded
                              : HeldCheck::Cause::kNeverArrived);
  agent.heard_process = held.process;
  BeginHeld(state, agent, held.waiting);
}

void Renew(CoreState& state, const Now& now, AgentEntry& agent) {
  agent.heard = std::max(agent.heard, now.monotonic);
  if (!agent.suspect) return;
  agent.suspect = false;
  state.agents.WakeAt(agent.registered.agent,
                      now.monotonic + state.options.suspect_after);
}

// True if a grant sent long ago is still unknown to the agent. Heartbeats may
// follow each other closely, and a commit may take its time, so only time can
// tell a grant that is lost from one that is under way.
bool MissesGrant(const CoreState& state, const Now& now, Session& session,
                 uint64_t last_grant) {
  if (last_grant >= session.grant_due) {
    session.grant_due = session.grant_sent;
    session.grant_due_from = now.monotonic;
    return false;
  }
  return now.monotonic - session.grant_due_from >= state.options.suspect_after;
}

// What jobs that are about to move wait for; repairs a lost push.
void RepeatWishes(CoreState& state, const AgentEntry& agent) {
  for (const JobId id : state.moving) {
    const LiveJob& job = *state.FindJob(id);
    if (job.holders.contains(agent.registered.agent)) {
      WantBack(state, job, agent);
    }
  }
}

// Of jobs being cancelled that the agent still runs; repairs a lost push.
void RepeatStops(CoreState& state, const AgentEntry& agent) {
  StopTasks stop;
  for (const JobId id : state.cancelling) {
    if (!state.FindJob(id)->holders.contains(agent.registered.agent)) continue;
    stop.items.push_back({.job = id, .whole_job = true, .tasks = {}});
  }
  if (stop.items.empty()) return;
  state.Send(agent, std::move(stop), When::kAfterCommit);
}

void OnHeartbeat(CoreState& state, const Now& now, const AgentSender& sender,
                 AgentEntry& agent, const Heartbeat& heartbeat) {
  Session& session = *agent.session;
  if (heartbeat.sequence <= session.heartbeat) {
    CountStale(state, AgentMessageKind::kHeartbeat, StaleReason::kOldSequence);
    return;
  }
  session.heartbeat = heartbeat.sequence;
  if (MissesGrant(state, now, session, heartbeat.last_grant)) {
    ++state.counters.sessions_reset;
    state.agents.CloseSession(agent);
    state.UpdateFree(agent);
    Refuse(state, sender, Refusal::Code::kUnknownSession,
           "a grant got lost on its way; say Hello again");
    return;
  }
  session.draining = heartbeat.draining;
  for (const Credit& credit : heartbeat.credits) {
    const auto at = static_cast<size_t>(credit.executor);
    if (at >= agent.credit.size()) continue;
    agent.credit[at] = std::min(credit.tasks, kCreditMax);
  }
  session.backlogs = heartbeat.backlogs;
  for (Session::Ceiling& ceiling : session.ceilings) {
    if (heartbeat.last_grant >= ceiling.until_grant) ceiling = {};
  }
  NoteBegun(state, agent, heartbeat.begun);
  state.UpdateFree(agent);
  state.Send(agent,
             HeartbeatAck{.sequence = heartbeat.sequence, .at = now.wall},
             When::kAtOnce);
  RepeatStops(state, agent);
  RepeatWishes(state, agent);
}

}  // namespace

void DecideAgentMessage(CoreState& state, const Now& now,
                        const AgentSender& sender, AgentMessage message) {
  ++state.counters.messages_in[message.index()];
  const auto kind = static_cast<AgentMessageKind>(message.index());
  if (kind == AgentMessageKind::kHello) {
    OnHello(state, now, sender, std::get<Hello>(message));
    return;
  }
  AgentEntry* agent = state.agents.FindPeer(sender.peer);
  if (agent == nullptr || sender.term != state.term ||
      sender.session != agent->session->id) {
    CountStale(state, kind, StaleReason::kNoSession);
    Refuse(state, sender, Refusal::Code::kUnknownSession,
           "no such session; say Hello");
    return;
  }
  const bool was_suspect = agent->suspect;
  Renew(state, now, *agent);
  if (was_suspect) state.UpdateFree(*agent);
  Confirm(state, now, *agent);
  switch (kind) {
    case AgentMessageKind::kHello:
      return;
    case AgentMessageKind::kHeartbeat:
      OnHeartbeat(state, now, sender, *agent, std::get<Heartbeat>(message));
      return;
    case AgentMessageKind::kResults:
      DecideResults(state, now, *agent, std::move(std::get<Results>(message)));
      return;
    case AgentMessageKind::kLogChunk:
      DecideLogChunk(state, *agent, std::move(std::get<LogChunk>(message)));
      return;
    case AgentMessageKind::kGoodbye:
      ++state.counters.sessions_closed;
      GiveUp(state, now, agent->registered.agent, /*charged=*/false,
             "left: " + std::get<Goodbye>(message).reason);
      return;
    case AgentMessageKind::kFindings:
      DecideFindings(state, now, *agent, std::get<Findings>(message));
      return;
  }
}

void DecideUnreachable(CoreState& state, const Now&, Peer peer) {
  AgentEntry* agent = state.agents.FindPeer(peer);
  if (agent == nullptr) return;
  ++state.counters.sessions_unreachable;
  state.agents.CloseSession(*agent);
  state.UpdateFree(*agent);
}

MonotonicTime LeaseEnd(const CoreState& state, MonotonicTime heard) {
  const auto lease = static_cast<double>(state.options.lease.count());
  return heard + Duration(static_cast<Duration::rep>(
                     lease * (1.0 + state.options.clock_drift)));
}

void DecideSilence(CoreState& state, const Now& now) {
  const std::optional<MonotonicTime> wake = state.agents.next_wake();
  if (!wake.has_value() || *wake > now.monotonic) return;
  // Woken so late, it was the coordinator that was away: what the agents said
  // meanwhile may not have been read yet.
  if (now.monotonic - *wake > state.options.suspect_after) {
    state.lease_grace_until = now.monotonic + state.options.suspect_after;
  }
  for (const AgentId id : state.agents.TakeWoken(now.monotonic)) {
    AgentEntry& agent = *state.agents.Find(id);
    const MonotonicTime suspect_at = agent.heard + state.options.suspect_after;
    const MonotonicTime lost_at =
        std::max(LeaseEnd(state, agent.heard), state.lease_grace_until);
    if (now.monotonic >= lost_at) {
      ++state.counters.leases_expired;
      GiveUp(state, now, id, /*charged=*/true, "lost: silent for its lease");
    } else if (now.monotonic >= suspect_at) {
      agent.suspect = true;
      state.UpdateFree(agent);
      state.agents.WakeAt(id, lost_at);
    } else {
      state.agents.WakeAt(id, suspect_at);
    }
  }
}

}  // namespace remuda

#include "coordinator/core/retraction.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "wire/messages.h"

namespace remuda {
namespace {

// In one look: agents of a class, and grants of one agent.
constexpr size_t kAgentsMax = 8;
constexpr size_t kGrantsMax = 1'024;

class Retractor {
 public:
  Retractor(CoreState& state, const Now& now) : state_(state), now_(now) {}

  void Run() {
    for (const ReadyQueue::Need& need : state_.ready.Needs()) {
      const ExecutorKind executor = state_.ready.executor(need.id);
      for (const AgentId id : state_.ready.NextBehind(need.id, kAgentsMax)) {
        Ask(*state_.agents.Find(id), executor, need);
      }
    }
    for (auto at = state_.urgent.begin(); at != state_.urgent.end();) {
      AgentEntry* agent = state_.agents.Find(at->first.first);
      const ExecutorKind executor = at->first.second;
      const bool is_over =
          agent == nullptr ||
          agent->LoadOf(executor) != ReadyQueue::Load::kBehind ||
          Ask(*agent, executor, {.id = {}, .priority = at->second});
      at = is_over ? state_.urgent.erase(at) : std::next(at);
    }
  }

 private:
  // Whether something was wanted back.
  bool Ask(AgentEntry& agent, ExecutorKind executor,
           const ReadyQueue::Need& need) {
    const auto kind = static_cast<size_t>(executor);
    if (agent.outstanding[kind] <= agent.slots[kind] ||
        now_.monotonic < agent.retracted_at[kind] + kRetractPause ||
        !IsStuck(agent, executor)) {
      return false;
    }
    uint64_t left = agent.outstanding[kind] - agent.slots[kind];
    // The newest first: those would begin last.
    std::map<JobId, IndexRanges> wanted;
    size_t seen = 0;
    for (auto at = agent.grants.rbegin();
         at != agent.grants.rend() && left > 0 && seen < kGrantsMax; ++at) {
      if (*at < agent.begun[kind]) break;
      ++seen;
      const LiveGrant& grant = state_.GrantOf(*at);
      if (!IsWanted(*state_.FindJob(grant.job), executor, need)) continue;
      const std::vector<JobTasks::Piece> waiting = WaitingOf(grant).pieces;
      for (auto piece = waiting.rbegin(); piece != waiting.rend(); ++piece) {
        const IndexRange& tasks = piece->tasks;
        const uint64_t count = std::min(left, tasks.count);
        if (count == 0) break;
        wanted[grant.job].Add({tasks.first + tasks.count - count, count});
        left -= count;
        state_.counters.tasks_wanted_back += count;
      }
    }
    if (wanted.empty()) return false;
    agent.retracted_at[kind] = now_.monotonic;
    StopTasks stop{.reason = StopTasks::Reason::kRetracted, .items = {}};
    for (const auto& [job, tasks] : wanted) {
      stop.items.push_back(
          {.job = job,
           .whole_job = false,
           .tasks = {tasks.ranges().begin(), tasks.ranges().end()}});
    }
    state_.Send(agent, std::move(stop), CoreState::When::kAfterCommit);
    return true;
  }

  // What the agent has not said to have begun or given back.
  JobTasks::Running WaitingOf(const LiveGrant& grant) const {
    if (grant.begun == grant.tasks.count) return {};
    return state_.FindJob(grant.job)->tasks.RunningAt(
        {.first = grant.tasks.first + grant.begun,
         .count = grant.tasks.count - grant.begun},
        grant.fence, grant.agent);
  }

  static bool IsWanted(const LiveJob& job, ExecutorKind executor,
                       const ReadyQueue::Need& need) {
    if (job.accepted.executor != executor || job.cancelling()) return false;
    return need.priority.has_value()
               ? job.accepted.job->priority < *need.priority
               : job.job_class == need.id;
  }

  // Whether the first of its tasks that has not begun was granted long ago.
  bool IsStuck(const AgentEntry& agent, ExecutorKind executor) const {
    const GrantId begun = agent.begun[static_cast<size_t>(executor)];
    size_t seen = 0;
    for (auto at = agent.grants.lower_bound(begun);
         at != agent.grants.end() && seen < kGrantsMax; ++at, ++seen) {
      const LiveGrant& grant = state_.GrantOf(*at);
      if (state_.FindJob(grant.job)->accepted.executor != executor ||
          WaitingOf(grant).tasks == 0) {
        continue;
      }
      return now_.monotonic >= grant.granted_at + state_.options.retract_after;
    }
    return false;
  }

  CoreState& state_;
  const Now& now_;
};

}  // namespace

void RetractTasks(CoreState& state, const Now& now) {
  if (state.urgent.empty() && !state.ready.has_needs()) {
    state.retract_at.reset();
    return;
  }
  if (!state.retract_at.has_value()) {
    state.retract_at = now.monotonic + kRetractLook;
  } else if (now.monotonic >= *state.retract_at) {
    Retractor(state, now).Run();
    state.retract_at = now.monotonic + kRetractLook;
  }
}

}  // namespace remuda

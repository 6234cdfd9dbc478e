#include "coordinator/core/dispatcher.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace remuda {
namespace {

// When all agents but a few hold their share of a capped job, so many are
// asked before one gets more than its share: keeps a grant flat in cost.
constexpr size_t kAgentsAskedMax = 8;

constexpr uint64_t CeilDivide(uint64_t a, uint64_t b) {
  return a / b + (a % b == 0 ? 0 : 1);
}

// Whole chunks, so that one agent's results change few of them.
uint64_t RoundUpToChunks(uint64_t count) {
  if (count < kTasksPerChunk) return count;
  return CeilDivide(count, kTasksPerChunk) * kTasksPerChunk;
}

class Dispatcher {
 public:
  Dispatcher(CoreState& state, const Now& now) : state_(state), now_(now) {}

  void Run() {
    while (const std::optional<JobId> id = state_.ready.Best()) {
      GrantJob(*state_.FindJob(*id));
    }
    for (auto& [agent, message] : messages_) Flush(agent, message);
  }

 private:
  struct Message {
    Grant grant;
    uint64_t tasks = 0;
    uint64_t bytes = 0;
  };

  // Grants of one job until it or its agents have no more room.
  void GrantJob(LiveJob& job) {
    const ClassId id = job.job_class;
    const uint64_t agents = state_.ready.free_agents(id);
    uint64_t active = job.tasks.ready() + job.tasks.running();
    const uint64_t cap = job.accepted.job->concurrency;
    if (cap > 0) active = std::min(active, cap);
    const uint64_t share = RoundUpToChunks(CeilDivide(active, agents));
    size_t asked = 0;
    while (job.is_ready) {
      const std::optional<AgentId> next = state_.ready.NextFree(id);
      if (!next.has_value()) return;
      const auto holder = job.holders.find(*next);
      const uint64_t held = holder == job.holders.end() ? 0 : holder->second;
      uint64_t count = share > held ? share - held : 0;
      if (count == 0) {
        if (++asked < std::min<uint64_t>(agents, kAgentsAskedMax)) continue;
        count = CeilDivide(job.grantable(), state_.ready.free_agents(id));
      }
      asked = 0;
      GrantSome(job, *state_.agents.Find(*next), count);
    }
  }

  // At least one task and at most `wanted`, as the limits allow.
  void GrantSome(LiveJob& job, AgentEntry& agent, uint64_t wanted) {
    Message& message = MessageFor(job, agent);
    const uint64_t credit = agent.free_credit(job.accepted.executor);
    const uint64_t limit = agent.LimitOf(job.accepted.executor, job.work);
    NotePriority(job, agent);
    uint64_t count = std::min({wanted, job.grantable(), credit, limit,
                               state_.options.grant_tasks_max - message.tasks});
    const uint64_t item_bytes = job.accepted.item_bytes_max;
    if (item_bytes > 0) {
      const uint64_t room = kGrantBytesMax - message.bytes;
      count = std::min(count, std::max<uint64_t>(room / item_bytes, 1));
    }
    const size_t ranges =
        state_.options.grant_ranges_max - message.grant.ranges.size();
    for (const JobTasks::ReadyRange& range :
         job.tasks.NextReady(count, ranges)) {
      // Credit that is left over would only fetch the rest at once.
      const IndexRange tasks =
          count == credit ? range.tasks : Align(range, job.accepted.tasks);
      const GrantId grant{state_.last_grant.value + 1};
      state_.Emit(TasksGranted{.grant = grant,
                               .job = job.accepted.id,
                               .agent = agent.registered.agent,
                               .tasks = tasks,
                               .fence = range.fence,
                               .at = now_.wall});
      state_.NoteGrantedAt(grant, now_.monotonic);
      message.grant.ranges.push_back({.job = job.accepted.id,
                                      .executor = job.accepted.executor,
                                      .tasks = tasks,
                                      .fence = range.fence,
                                      .items = ""});
      message.tasks += tasks.count;
      message.bytes += tasks.count * item_bytes;
    }
    Cap(agent, job.accepted.executor, limit);
  }

  // What the agent said that it holds may have been said of other work.
  void Cap(AgentEntry& agent, ExecutorKind executor, uint64_t limit) {
    const auto at = static_cast<size_t>(executor);
    if (limit >= agent.credit[at]) return;
    Session::Ceiling& ceiling = agent.session->ceilings[at];
    ceiling.tasks =
        std::min(ceiling.tasks, std::max(limit, agent.outstanding[at]));
    ceiling.until_grant = agent.session->grant_sent + 1;
    state_.UpdateFree(agent);
  }

  // Before the grant: agents start what they were granted in that order.
  void NotePriority(const LiveJob& job, AgentEntry& agent) {
    const auto at = static_cast<size_t>(job.accepted.executor);
    const int32_t priority = job.accepted.job->priority;
    int32_t& least = agent.priority_least[at];
    if (agent.outstanding[at] == 0) least = priority;
    if (priority > least && agent.load[at] == ReadyQueue::Load::kBehind) {
      const auto [urgent, is_new] = state_.urgent.try_emplace(
          {agent.registered.agent, job.accepted.executor}, priority);
      urgent->second = std::max(urgent->second, priority);
    }
    least = std::min(least, priority);
  }

  // Long fresh ranges end where a chunk or the job ends.
  static IndexRange Align(const JobTasks::ReadyRange& range, uint64_t total) {
    IndexRange tasks = range.tasks;
    const uint64_t end = tasks.first + tasks.count;
    const uint64_t aligned = end / kTasksPerChunk * kTasksPerChunk;
    // What is cut off stays fresh and goes out with the next grant.
    if (range.fence.value == 1 && tasks.count >= kTasksPerChunk &&
        end != total && aligned > tasks.first) {
      tasks.count = aligned - tasks.first;
    }
    return tasks;
  }

  // The message to add a range of the job to, with room for a task of it.
  Message& MessageFor(LiveJob& job, AgentEntry& agent) {
    Message& message = messages_[agent.registered.agent];
    const auto known = job.defined.find(agent.registered.agent);
    const bool is_defined =
        known != job.defined.end() && known->second == agent.session->id;
    const uint64_t definition = is_defined || !job.accepted.job_json
                                    ? 0
                                    : job.accepted.job_json->size();
    if (message.tasks >= state_.options.grant_tasks_max ||
        message.grant.ranges.size() >= state_.options.grant_ranges_max ||
        message.bytes + definition + job.accepted.item_bytes_max >
            kGrantBytesMax) {
      Flush(agent.registered.agent, message);
    }
    if (is_defined) return message;
    job.defined[agent.registered.agent] = agent.session->id;
    message.grant.definitions.push_back(
        {.job = job.accepted.id,
         .job_json = job.accepted.job_json ? *job.accepted.job_json : ""});
    message.bytes += definition;
    // A long one travels alone.
    if (message.bytes + job.accepted.item_bytes_max > kGrantBytesMax) {
      Flush(agent.registered.agent, message);
    }
    return message;
  }

  void Flush(AgentId id, Message& message) {
    if (message.grant.ranges.empty() && message.grant.definitions.empty()) {
      return;
    }
    AgentEntry& agent = *state_.agents.Find(id);
    message.grant.sequence = ++agent.session->grant_sent;
    state_.Send(agent, std::move(message.grant), CoreState::When::kAfterCommit);
    message = Message{};
  }

  CoreState& state_;
  const Now& now_;
  std::map<AgentId, Message> messages_;
};

}  // namespace

void DispatchTasks(CoreState& state, const Now& now) {
  Dispatcher(state, now).Run();
}

}  // namespace remuda

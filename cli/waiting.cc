#include "cli/waiting.h"

#include "absl/status/statusor.h"
#include "jobs/states.h"

namespace remuda {
namespace {

bool Waits(const JobSummary& job) {
  return !IsTerminal(job.state) &&
         job.tasks[static_cast<size_t>(TaskState::kRunning)] == 0 &&
         job.tasks[static_cast<size_t>(TaskState::kPending)] > 0;
}

}  // namespace

std::string WhyWaiting(const JobSummary& job,
                       const std::vector<AgentSummary>& agents) {
  if (!Waits(job)) return "";
  const std::string executor(Name(job.executor));
  bool has_any = false;
  bool is_online = false;
  for (const AgentSummary& agent : agents) {
    if (agent.state != AgentState::kOnline) continue;
    is_online = true;
    const auto slots = agent.executors.find(executor);
    has_any |= slots != agent.executors.end() && slots->second > 0;
  }
  if (has_any) return "";
  if (!is_online) return "no agent is online";
  return "no online agent has the executor " + executor;
}

std::string AskWhyWaiting(Connection& connection, const JobSummary& job) {
  if (IsTerminal(job.state)) return "";
  // Whatever it calls running was so when the last process left.
  if (connection.hosts() && !connection.has_agent()) {
    return "no process works on it; `remuda wait " +
           std::to_string(job.id.value) + "` goes on with it";
  }
  if (!Waits(job)) return "";
  absl::StatusOr<AgentSummaries> found =
      connection.Ask<AgentSummaries>(GetAgents{});
  return found.ok() ? WhyWaiting(job, found->agents) : "";
}

}  // namespace remuda

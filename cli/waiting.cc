#include "cli/waiting.h"

#include <algorithm>
#include <string>

#include "absl/status/statusor.h"
#include "jobs/states.h"

namespace remuda {
namespace {

// An agent that says no types may run any: an older coordinator leaves them
// out.
bool Hosts(const AgentSummary& agent, const std::string& type) {
  const std::vector<std::string>& types = agent.job_types;
  return types.empty() ||
         std::find(types.begin(), types.end(), type) != types.end();
}

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
  uint64_t slots_most = 0;
  bool is_online = false;
  bool is_hosted = false;
  for (const AgentSummary& agent : agents) {
    if (agent.state != AgentState::kOnline) continue;
    is_online = true;
    if (!Hosts(agent, job.type)) continue;
    is_hosted = true;
    const auto slots = agent.executors.find(executor);
    if (slots == agent.executors.end()) continue;
    slots_most = std::max(slots_most, slots->second);
  }
  if (slots_most >= job.slots_each) return "";
  if (!is_online) return "no agent is online";
  if (!is_hosted) {
    return "no online agent runs jobs of type '" + job.type +
           "'; start one with the --plugin or --worker that has it";
  }
  if (slots_most == 0) return "no online agent has the executor " + executor;
  return "no online agent has " + std::to_string(job.slots_each) +
         " cpus for a task: the most slots of " + executor + " are " +
         std::to_string(slots_most);
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

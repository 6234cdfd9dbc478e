#pragma once

#include <string>
#include <vector>

#include "cli/connection.h"
#include "wire/client_messages.h"

namespace remuda {

// Why nothing of a job that is not over runs, as far as the agents tell;
// empty if it is over, runs, or has an agent that could run it.
std::string WhyWaiting(const JobSummary& job,
                       const std::vector<AgentSummary>& agents);

// The same after asking for the agents. In the embedded default without an
// agent: that nobody works on it. Empty if the answer is missing.
std::string AskWhyWaiting(Connection& connection, const JobSummary& job);

}  // namespace remuda

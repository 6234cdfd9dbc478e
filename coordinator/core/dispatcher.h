#pragma once

#include "coordinator/core/input.h"
#include "coordinator/core/state.h"

namespace remuda {

// What one Grant message holds at most.
inline constexpr uint64_t kGrantBytesMax = 512u << 10;  // items, definitions

// Grants what fits: jobs by priority, then by acceptance; a job's tasks
// spread over the agents that have room; retries that are due before fresh
// tasks. Costs per grant, not per job, task or agent.
void DispatchTasks(CoreState& state, const Now& now);

}  // namespace remuda

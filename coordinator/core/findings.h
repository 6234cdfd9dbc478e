#pragma once

#include "coordinator/core/agent_table.h"
#include "coordinator/core/input.h"
#include "coordinator/core/state.h"
#include "wire/messages.h"

namespace remuda {

// What an agent noticed of the code of jobs it was given: joined with what is
// known of them, the first kJobFindingsMax different ones of a job are kept.
void DecideFindings(CoreState& state, const Now& now, const AgentEntry& agent,
                    const Findings& findings);

}  // namespace remuda

#pragma once

#include "base/clock.h"
#include "coordinator/core/input.h"
#include "coordinator/core/state.h"

namespace remuda {

// An agent's waiting tasks are looked at so often, and only while an agent
// has nothing to do or a job of higher priority waits.
inline constexpr Duration kRetractLook = std::chrono::milliseconds(250);
// The same executor of an agent is asked again after so long, whatever came
// of it.
inline constexpr Duration kRetractPause = std::chrono::seconds(2);

// Wants back what waits with agents that do not get it done, when another
// agent has empty slots, or when work of higher priority has to wait behind
// it. The tasks stay with the agent until it reports them as never started;
// only then they are granted anew, at no charge.
//
// Costs per range wanted back; a look asks a few agents of each class.
void RetractTasks(CoreState& state, const Now& now);

}  // namespace remuda

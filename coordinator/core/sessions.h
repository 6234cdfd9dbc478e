#pragma once

#include "coordinator/core/input.h"
#include "coordinator/core/state.h"
#include "wire/messages.h"

namespace remuda {

// Agents coming, living and going: sessions, leases, silence, and what an
// agent holds when it comes back. See docs/JOB_STATES.md, "Agents".

// Limits of what a Hello may say.
inline constexpr size_t kHeldRangesMax = 1u << 17;
inline constexpr size_t kJobTypesMax = 256;
inline constexpr size_t kLabelsMax = 64;
inline constexpr size_t kNameBytesMax = 256;  // also of instance and label
// More credit than this counts as this.

void DecideAgentMessage(CoreState& state, const Now& now,
                        const AgentSender& sender, AgentMessage message);

void DecideUnreachable(CoreState& state, const Now& now, Peer peer);

// Suspects, and gives up, agents that were silent for too long.
void DecideSilence(CoreState& state, const Now& now);

// When an agent heard last at `heard` is given up.
MonotonicTime LeaseEnd(const CoreState& state, MonotonicTime heard);

}  // namespace remuda

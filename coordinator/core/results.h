#pragma once

#include <vector>

#include "coordinator/core/input.h"
#include "coordinator/core/state.h"
#include "wire/messages.h"

namespace remuda {

// What an agent reports of its attempts, taken from its current session in
// the order of its sequence. What is not current, or makes no sense, is
// dropped and counted; the rest of the same message is taken.
inline constexpr size_t kResultBatchesMax = 4'096;

void DecideResults(CoreState& state, const Now& now, AgentEntry& agent,
                   Results results);

void DecideLogChunk(CoreState& state, AgentEntry& agent, LogChunk chunk);

// Takes over which attempts the agent says have begun.
void NoteBegun(CoreState& state, AgentEntry& agent,
               const std::vector<LastBegun>& begun);

}  // namespace remuda

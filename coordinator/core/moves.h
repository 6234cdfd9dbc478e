#pragma once

#include "coordinator/core/input.h"
#include "coordinator/core/live_job.h"
#include "coordinator/core/state.h"

namespace remuda {

// Jobs that change their executor while they are live. That happens when
// nothing of the job is granted, so that of no attempt it is ever in doubt
// where it runs, and no slot is counted on the wrong executor. Whether a job
// should move is decided elsewhere (coordinator/server/executor_learner.h).
void DecideMove(CoreState& state, const Now& now, ExecutorWish wish);

// Moves those of which nothing is granted any more. Costs per job that moves.
void FinishMoves(CoreState& state, const Now& now);

// Asks the agent for what of the job it has not begun.
void WantBack(CoreState& state, const LiveJob& job, const AgentEntry& agent);

}  // namespace remuda

#pragma once

#include <cstdint>

#include "workers/protocol/worker_cell.h"

namespace remuda {

// Sees to it that a crash on a thread which does a coroutine's offloaded work
// is charged to that task, and not to the one whose step the loop is in: as
// the process dies, the cell gets the task's number.
//
// It is the process's, as signals are.

// From now on. `cell` outlives everything. Once, on the loop's thread.
void MarkCrashesIn(WorkerCell& cell);

// The work that this thread does is that task's; 0: it is nobody's.
void SetTaskOfThread(uint64_t task);

// For the loop: the cell says who has crashed, and must stay as it is.
bool IsCrashMarked();

}  // namespace remuda

#pragma once

#include "executors/handlers/blocking_handler.h"

namespace remuda {

// The job types that ship in a form for threads: noop, sleep,
// vector.axpb.
BlockingHandlers ShippedBlockingHandlers();

}  // namespace remuda

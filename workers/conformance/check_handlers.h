#pragma once

#include "executors/handlers/blocking_handler.h"

namespace remuda {

// The job types check.echo, check.fail, check.sleep, check.print and
// check.block, which `remuda worker-check` asks for
// (docs/WORKER_PROTOCOL.md). No job can name them.
BlockingHandlers CheckHandlers();

}  // namespace remuda

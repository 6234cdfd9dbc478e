#pragma once

#include <memory>

#include "executors/handlers/blocking_handler.h"

namespace remuda {

// The job type `vector.axpb`: x * a + y over two arrays of doubles, with the
// processor's widest registers, on as many threads as the task has cpus.
std::unique_ptr<BlockingHandler> MakeVectorHandler();

}  // namespace remuda

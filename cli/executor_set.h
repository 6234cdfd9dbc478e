#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agent/executor_entry.h"
#include "jobs/states.h"

namespace remuda {

// The executors that ship, as an agent's main() puts them together: async and
// thread pool with the native handlers, process pool with commands, the native
// worker and the Python worker. An executor of 0 slots is left out.
//
// Where async and thread pool host a user's code, each program has at most
// `workers` processes, 0 means one a core.
//
// The Python worker's source is part of the binary and is written to the
// agent's folder; REMUDA_PYTHON_WORKER names another file to use instead.
std::vector<ExecutorFactory> ShippedExecutors(
    const std::map<ExecutorKind, uint64_t>& slots, uint64_t workers);

}  // namespace remuda

#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "executors/workers/worker_command.h"
#include "jobs/attempt.h"

namespace remuda {

// The worker program for an attempt: the one that runs its type, with the
// program that the job itself may name.
// Errors: InvalidArgument if its parameters cannot be rendered, or nothing
//         runs the type.
absl::StatusOr<WorkerCommand> WorkerFor(
    const std::vector<WorkerCommand>& workers, const Attempt& attempt);

// Attempts with equal keys may share a worker: the same program, for tasks
// that may use as many CPUs.
std::string WorkerKey(const WorkerCommand& worker, const Attempt& attempt);

// Whether some worker runs the type.
bool HasWorkerFor(const std::vector<WorkerCommand>& workers,
                  const std::string& job_type);

}  // namespace remuda

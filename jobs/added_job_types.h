#pragma once

#include "absl/status/status.h"
#include "jobs/job_type.h"

namespace remuda {

// Makes the job type of a plugin, or of a worker in another language, known to
// everything in this process that asks for job types: ShippedJobTypes() and
// FindJobType() have it from then on.
//
// Thread: main(), before any other exists and before anyone has asked.
// Errors: AlreadyExists if there is one of that name.
absl::Status AddJobType(JobType type);

}  // namespace remuda

#pragma once

#include "absl/status/statusor.h"
#include "jobs/job_finding.h"
#include "jobs/task_progress.h"

namespace remuda {

namespace pb {
class JobFinding;
class TaskProgress;
}  // namespace pb

// Findings and progress stand in messages of agents and in those to clients.
//
// Thread: any.
pb::JobFinding FindingToPb(const JobFinding& in);

// Errors: InvalidArgument for one beyond its limits.
absl::StatusOr<JobFinding> FindingFromPb(pb::JobFinding& in);

pb::TaskProgress ProgressToPb(const TaskProgress& in);
// Errors: as above.
absl::StatusOr<TaskProgress> ProgressFromPb(pb::TaskProgress& in);

}  // namespace remuda

#pragma once

#include "absl/status/statusor.h"
#include "jobs/job_finding.h"

namespace remuda {

namespace pb {
class JobFinding;
}  // namespace pb

// Findings stand in messages of agents and in those to clients.
//
// Thread: any.
pb::JobFinding FindingToPb(const JobFinding& in);

// Errors: InvalidArgument for one beyond its limits.
absl::StatusOr<JobFinding> FindingFromPb(pb::JobFinding& in);

}  // namespace remuda

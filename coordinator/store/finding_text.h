#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jobs/job_finding.h"

namespace remuda {

// A finding as the store keeps it, in its own row and in the history: a JSON
// object.
std::string FindingToJson(const JobFinding& finding);

// `list` is some of these with commas between them.
// Errors: DataLoss if one of them is none.
absl::StatusOr<std::vector<JobFinding>> FindingsFromJson(
    const std::string& list);

}  // namespace remuda

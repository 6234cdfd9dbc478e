#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "jobs/job.h"

namespace remuda {

// The canonical form of a job: what is sent, stored and digested. The same
// job always gives the same text; items of a kList source are not in it.
std::string JobToJson(const Job& job);

// Errors: InvalidArgument names the member that is wrong. Unknown members are
// an error too: a newer client must not be half understood.
absl::StatusOr<Job> JobFromJson(const std::string& json);

}  // namespace remuda

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "coordinator/core/input.h"
#include "coordinator/store/database.h"
#include "wire/client_messages.h"

namespace remuda {

// The columns of a job as SQL, and how they read. The store (to restore) and
// the reader (to answer) share them.

// SELECT ... FROM jobs j JOIN definitions d, without a WHERE.
enum class FindingRows { kAll, kNone };
std::string SelectJobSql(FindingRows findings = FindingRows::kAll);

// The current row of SelectJobSql(). Errors: DataLoss if it makes no sense.
absl::StatusOr<StoredJob> ReadStoredJob(const Statement& row);

// The same without what only a restart needs of the job's definition.
absl::StatusOr<JobSummary> ReadJobSummary(const Statement& row);

}  // namespace remuda

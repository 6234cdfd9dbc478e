#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/input.h"
#include "coordinator/server/item_staging.h"
#include "coordinator/store/commit_unit.h"
#include "wire/client_messages.h"

namespace remuda {

// A submission that the core may accept, and the items that the store keeps
// if it does.
struct PreparedSubmission {
  std::vector<JobToAccept> jobs;
  std::vector<StagedItems> items;
};

// Checks all of a submission again: clients are not believed. Takes time in
// proportion to the items, so it runs beside the control loop. `stored` is
// what the store knows of the key: it stands in for items that are no longer
// staged when the same submission is sent again.
//
// Errors: InvalidArgument says which job is wrong and how; FailedPrecondition
//         if items have not been uploaded.
absl::StatusOr<PreparedSubmission> PrepareSubmission(
    const Submit& submit, const StagedLists& lists,
    const std::optional<StoredSubmission>& stored);

}  // namespace remuda

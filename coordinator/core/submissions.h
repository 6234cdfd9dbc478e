#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/core/input.h"
#include "coordinator/core/state.h"

namespace remuda {

// What clients ask for: accepting jobs, whole submissions and once a key, and
// cancelling them. See Core for the meaning of the arguments.
void DecideSubmit(CoreState& state, const Now& now, Peer client,
                  uint64_t request, const std::string& key,
                  std::vector<JobToAccept> jobs,
                  const std::optional<StoredSubmission>& stored);

void DecideCancel(CoreState& state, const Now& now, Peer client,
                  uint64_t request, const CancelJob& cancel,
                  const std::optional<JobSummary>& stored);

}  // namespace remuda

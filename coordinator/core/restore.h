#pragma once

#include "absl/status/status.h"
#include "coordinator/core/input.h"
#include "coordinator/core/state.h"

namespace remuda {

// Builds the state that the store last committed and opens a new term. Agents
// that hold grants are silent until they say Hello; their leases run from now.
// Errors: DataLoss names what does not fit together.
absl::Status RestoreState(CoreState& state, const Now& now,
                          const StoredState& stored);

}  // namespace remuda

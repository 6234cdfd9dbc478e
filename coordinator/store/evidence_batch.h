#pragma once

#include <optional>

#include "base/clock.h"
#include "coordinator/core/event.h"
#include "jobs/verdict/evidence.h"

namespace remuda {

// What the accepted attempts of one event used, as their agent says it.
struct EvidenceBatch {
  // Shorter pauses between attempts of a job belong to its active time. As
  // long as a loop may compute before it tells of any end.
  static constexpr Duration kPauseMax = std::chrono::seconds(1);

  Evidence sum;  // without active time and slots
  WallTime began{};
  WallTime ended{};

  // The time from the first beginning to the last end that was not counted
  // yet, with the pause before it if that is short. `counted_to` is of the
  // job on that agent, at first the batch's beginning.
  Duration NewlyActive(WallTime& counted_to) const;
};

// None if none of it is evidence, or it cannot be read.
std::optional<EvidenceBatch> EvidenceOf(const AttemptsEnded& event);

}  // namespace remuda

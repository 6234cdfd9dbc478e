#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace remuda {

// Mistakes that a coordinator, an agent or a store might make, made on purpose
// where the simulation joins them, to see that its checks notice.
enum class PlantedBug : uint8_t {
  kNone,
  kFenceUnchecked,       // a result counts whatever its fence
  kAckBeforeCommit,      // of results
  kGrantBeforeCommit,    //
  kAcceptBeforeCommit,   // a submission is answered
  kCommitForgotten,      // what was said to be stored is not after a crash
  kCancelUntold,         // agents go on with what was cancelled
  kNoSelfFence,          // an agent goes on when its lease is over
  kResultsForgotten,     // an agent's, when its connection breaks
  kKeyForgotten,         // a submission sent again is a new one
  kLeaseTooShort,        // shorter than agents were told
  kWallClockForLeases,   // which jumps
  kChunkForgotten,       // a restart does not read all that is stored
  kConcurrencyIgnored,   //
  kLossesCharged,        // what an agent evicted counts as the task's failure
  kQuarantineForgotten,  // a task is lost for ever
  kSpoolUnread,          // what an agent's process left on its disk
  kLeaseUntold,          // to the spawners of an agent that stands still
  kAnyAnswerRenews,      // a lease, as if it answered the last heartbeat
  kHelloBelieved,        // before its session is heard
  kHelloUnnumbered,      // an older one counts as well
  kStoredKeyIgnored,     // after a restart
  kLineBegun,            // what stands in an executor's line counts as begun
  kMovedWhileHeld,       // a job changes its executor while it runs
};

std::vector<PlantedBug> AllPlantedBugs();
std::string_view Name(PlantedBug bug);
std::optional<PlantedBug> PlantedBugFromName(std::string_view name);

}  // namespace remuda

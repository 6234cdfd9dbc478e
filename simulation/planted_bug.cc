#include "simulation/planted_bug.h"

#include <array>
#include <utility>

namespace remuda {
namespace {

constexpr std::array<std::pair<PlantedBug, std::string_view>, 23> kNames = {{
    {PlantedBug::kFenceUnchecked, "fence-unchecked"},
    {PlantedBug::kAckBeforeCommit, "ack-before-commit"},
    {PlantedBug::kGrantBeforeCommit, "grant-before-commit"},
    {PlantedBug::kAcceptBeforeCommit, "accept-before-commit"},
    {PlantedBug::kCommitForgotten, "commit-forgotten"},
    {PlantedBug::kCancelUntold, "cancel-untold"},
    {PlantedBug::kNoSelfFence, "no-self-fence"},
    {PlantedBug::kResultsForgotten, "results-forgotten"},
    {PlantedBug::kKeyForgotten, "key-forgotten"},
    {PlantedBug::kLeaseTooShort, "lease-too-short"},
    {PlantedBug::kWallClockForLeases, "wall-clock-for-leases"},
    {PlantedBug::kChunkForgotten, "chunk-forgotten"},
    {PlantedBug::kConcurrencyIgnored, "concurrency-ignored"},
    {PlantedBug::kLossesCharged, "losses-charged"},
    {PlantedBug::kQuarantineForgotten, "quarantine-forgotten"},
    {PlantedBug::kSpoolUnread, "spool-unread"},
    {PlantedBug::kLeaseUntold, "lease-untold"},
    {PlantedBug::kAnyAnswerRenews, "any-answer-renews"},
    {PlantedBug::kHelloBelieved, "hello-believed"},
    {PlantedBug::kHelloUnnumbered, "hello-unnumbered"},
    {PlantedBug::kStoredKeyIgnored, "stored-key-ignored"},
    {PlantedBug::kLineBegun, "line-begun"},
    {PlantedBug::kMovedWhileHeld, "moved-while-held"},
}};

}  // namespace

std::vector<PlantedBug> AllPlantedBugs() {
  std::vector<PlantedBug> bugs;
  for (const auto& [bug, name] : kNames) bugs.push_back(bug);
  return bugs;
}

std::string_view Name(PlantedBug bug) {
  for (const auto& [known, name] : kNames) {
    if (known == bug) return name;
  }
  return "none";
}

std::optional<PlantedBug> PlantedBugFromName(std::string_view name) {
  for (const auto& [bug, known] : kNames) {
    if (known == name) return bug;
  }
  return std::nullopt;
}

}  // namespace remuda

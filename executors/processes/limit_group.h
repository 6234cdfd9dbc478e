#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "executors/processes/process_limits.h"

namespace remuda {

// A control group, of either version, that keeps the limits of one process and
// all that it starts. Whose process that is, and what a broken limit means for
// it, its owner decides.
//
// Thread: confined to its owner's.
// Lifetime: destruction kills what is left in it and removes it.
class LimitGroup {
 public:
  // `folders` names groups that are there, in which one named `name` is made;
  // only what `limits` needs. Null if the kernel says no.
  static std::unique_ptr<LimitGroup> Make(const ControlGroupPlaces& folders,
                                          const std::string& name,
                                          const ProcessLimits& limits);
  ~LimitGroup();
  LimitGroup(const LimitGroup&) = delete;
  LimitGroup& operator=(const LimitGroup&) = delete;

  // A process that writes "0" to each of these is in the group.
  const std::vector<UniqueFd>& entries() const { return entries_; }

  const ProcessLimits& limits() const { return limits_; }

  // Forgets what has happened, for the next process.
  void Begin();

  // The limit that was reached since Begin(): by the kernel's own count, of
  // kills for want of memory and of refused forks.
  LimitBroken broken() const;

  // The most that was used at once; 0 if memory is not limited here.
  uint64_t memory_max_bytes() const;

  // Nothing new may start, and what is there dies. False if there was nothing.
  bool Kill();

  // It was never told to kill, so another process may have it.
  bool is_reusable() const { return !killed_ && limits_.memory_bytes == 0; }

 private:
  LimitGroup(int version, const ProcessLimits& limits)
      : version_(version), limits_(limits) {}

  bool LimitProcesses(const std::string& folder);
  bool LimitMemory(const std::string& folder);
  bool Enter(const std::string& folder);
  bool IsEmpty() const;
  uint64_t MemoryKills() const;
  uint64_t RefusedForks() const;

  const int version_;
  const ProcessLimits limits_;
  std::string memory_folder_;
  std::string processes_folder_;
  std::vector<UniqueFd> entries_;
  // Kept open, as they are read for each process.
  UniqueFd processes_now_;
  UniqueFd processes_events_;
  uint64_t memory_kills_before_ = 0;
  uint64_t refused_forks_before_ = 0;
  bool killed_ = false;
};

}  // namespace remuda

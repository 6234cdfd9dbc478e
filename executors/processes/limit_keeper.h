#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "executors/processes/limit_group.h"
#include "executors/processes/process_limits.h"

namespace remuda {

// Keeps the limits of the spawner's processes: by control groups where those
// may be made, else by looking at the processes often enough. Says which of
// them have broken one; killing those is the spawner's part.
//
// A group that limits only how many processes there are is used again for the
// next one, so that a command costs no new group; memory gets a new group each
// time, as its counts include what files were read before.
//
// Thread: the only one of the spawner.
// Lifetime: destruction removes its groups.
class LimitKeeper {
 public:
  struct Ended {
    LimitBroken broken = LimitBroken::kNone;
    uint64_t memory_max_bytes = 0;  // 0: not known here
  };

  LimitKeeper() = default;
  ~LimitKeeper();

  // `name` is of the groups that it will make in those places.
  void Use(const ControlGroupPlaces& places, const std::string& name);

  // Descriptors for a new process to enter its group by, perhaps none.
  std::vector<int> Prepare(uint64_t id, const ProcessLimits& limits);
  void Started(uint64_t id, pid_t pid);

  // The processes that have broken a limit since the last call.
  std::vector<uint64_t> Look();

  // Kills what is in its group; false if nothing was, or it has none.
  bool KillRest(uint64_t id);

  // It and all of it is gone, or never was. Afterwards `id` is unknown.
  Ended Forget(uint64_t id);

  // How long Look() can wait; -1 while there is nothing to look at.
  int look_milliseconds() const;

 private:
  struct Kept {
    ProcessLimits limits;
    pid_t pid = 0;
    std::unique_ptr<LimitGroup> group;
    LimitBroken broken = LimitBroken::kNone;
    uint64_t memory_seen_bytes = 0;
  };

  std::unique_ptr<LimitGroup> TakeGroup(const ProcessLimits& limits);
  bool NeedsTable() const;

  ControlGroupPlaces folders_;  // those of its own, in the places
  bool made_memory_ = false;
  bool made_processes_ = false;
  uint64_t last_group_ = 0;
  std::map<uint64_t, Kept> kept_;
  std::vector<std::unique_ptr<LimitGroup>> idle_;
  uint64_t threads_at_last_table_ = 0;
  bool saw_a_large_tree_ = false;
};

}  // namespace remuda

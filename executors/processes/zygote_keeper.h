#pragma once

#include <poll.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "executors/processes/child_process.h"
#include "executors/processes/spawn_message.h"
#include "executors/processes/zygote.h"

namespace remuda {

// Decides which programs of the spawner have a zygote: one that is started
// again soon after a process of it has ended, as where workers die or are
// recycled one after the other. A zygote that was not used for a while ends.
// Where there is none, or something is wrong with it, nothing fails: the
// caller starts the program itself, and another zygote is tried later.
//
// Thread: the only one of the spawner.
// Lifetime: destruction kills them.
class ZygoteKeeper {
 public:
  // A start so soon after an end gets a zygote, and one lives on so long.
  static constexpr Duration kKept = std::chrono::seconds(10);
  // Then another takes over, which sees what was installed since.
  static constexpr Duration kAgeMax = std::chrono::minutes(5);
  // After a zygote that failed; twice as long after each.
  static constexpr Duration kPauseFirst = std::chrono::seconds(1);
  static constexpr Duration kPauseMax = std::chrono::minutes(10);
  static constexpr size_t kZygotesMax = 4;

  // The same for all that one zygote may start; empty for what none may.
  static std::string KeyOf(const SpawnRequest& request);

  // Starts it by a fork, or not at all; waits no longer than `patience`.
  std::optional<pid_t> Start(const std::string& key,
                             const SpawnRequest& request, const ChildPlan& plan,
                             MonotonicTime now, Duration patience);

  // A process of `key` has ended.
  void Ended(const std::string& key, MonotonicTime now);

  // Whether a child of the spawner is a zygote; not after Reaped(), which says
  // that it was one.
  bool Has(pid_t pid) const { return pids_.contains(pid); }
  bool Reaped(pid_t pid);

  // To be polled for POLLIN; then Look().
  void AddWatched(std::vector<pollfd>& watched) const;

  // Takes news of them, ends those without use.
  void Look(MonotonicTime now);

  // How long Look() can wait without news; -1 while there is none.
  int look_milliseconds() const;

 private:
  struct Place {
    std::unique_ptr<Zygote> zygote;  // null if there is none now
    MonotonicTime begun;
    MonotonicTime used;
    MonotonicTime ended{};       // a process of it, lastly
    MonotonicTime not_before{};  // the next zygote
    Duration pause = kPauseFirst;
  };

  void Begin(Place& place, const SpawnRequest& request, MonotonicTime now);
  void Failed(Place& place, MonotonicTime now);

  std::map<std::string, Place> places_;
  std::set<pid_t> pids_;  // of all that were not reaped
};

}  // namespace remuda

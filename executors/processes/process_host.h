#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/event_loop.h"
#include "executors/processes/spawner.h"
#include "executors/processes/spawner_ties.h"

namespace remuda {

// It ended, or never began, for no fault of its own: the spawner died and took
// the process with it, or ended it with the lease.
struct ProcessLost {
  bool lease_over = false;
};

// For a person: "... was lost with the agent's spawner".
std::string DescribeLoss(const ProcessLost& lost);

using ProcessEnd = std::variant<SpawnFailed, ProcessExited, ProcessLost>;

struct ProcessStart {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // beside REMUDA_MARK
  std::string directory;
  Spawner::Descriptors descriptors;
  ProcessLimits limits;
  // What its worker is for, if its program can be a zygote; else empty.
  std::string zygote;
  // Takes a place in the line of those that do; one that waits begins when
  // another of the line ends.
  bool in_line = false;
  bool waits = false;
};

// Starts processes through the spawner and tells each one's owner how it
// ended; starts another spawner when one has died. Batches what one turn of
// the loop asks for. What the processes are for is the owners' business.
//
// Thread: confined to the loop's.
// Lifetime: destruction kills everything, waits for that within a bound, and
// tells nobody.
class ProcessHost {
 public:
  using Ended = std::function<void(const ProcessEnd&)>;

  ProcessHost(EventLoop& loop, std::unique_ptr<Spawner> spawner,
              std::string spawner_program, const SpawnerTies& ties = {},
              ControlGroupPlaces places = {});
  ~ProcessHost();

  // Calls `ended` exactly once, never before this returns. Waits for another
  // spawner if one died that had lived for less than a second.
  uint64_t Start(ProcessStart start, Ended ended);

  // Does nothing to a process that has ended.
  void Signal(uint64_t id, int signal, SignalTarget target);

  // At the end of each turn.
  void Flush();

  // Processes that outlived what had started them and were killed.
  uint64_t orphans_killed() const { return orphans_killed_; }

 private:
  struct Running {
    Ended ended;
    bool in_line = false;
  };

  // A request that waits for a spawner.
  struct Held {
    SpawnRequest request;
    Spawner::Descriptors descriptors;
  };

  bool Launch();
  void LaunchForHeld();
  void Give(Held held);
  bool DropHeld(uint64_t id);
  void OnReadable();
  bool IsEndOfLine(const SpawnerReport& report) const;
  void OnSpawnerDied();
  void Report(uint64_t id, const ProcessEnd& end);
  void Watch();
  void RemoveGroups() const;

  EventLoop& loop_;
  const std::string spawner_program_;
  const SpawnerTies ties_;
  // Begins every mark, so that processes of this host are told from others.
  const std::string name_;
  const std::string mark_;
  const GroupSetup groups_;
  std::unique_ptr<Spawner> spawner_;  // null if none could be started
  MonotonicTime next_launch_;
  std::deque<Held> held_;  // until then
  std::optional<TimerId> launch_timer_;
  uint64_t last_id_ = 0;
  uint64_t orphans_killed_ = 0;
  bool has_unsent_ = false;
  bool waits_for_room_ = false;
  uint64_t ends_seen_ = 0;  // of the line of this spawner
  absl::flat_hash_map<uint64_t, Running> running_;
};

}  // namespace remuda

#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_descriptor.h"
#include "executors/processes/spawn_message.h"
#include "executors/processes/spawner_ties.h"

namespace remuda {

// The PATH of everything that is started, unless its job says otherwise.
inline constexpr char kChildPath[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The agent's end of its spawner process (`remuda spawner`): starts programs
// without ever forking the agent, whose memory and threads make that slow and
// unsafe. It neither reads what programs print nor decides when to kill them.
//
// Requests are queued and leave in batches with Flush().
//
// Thread: Launch() in any, as early as possible; afterwards confined to the
// thread of its owner.
// Lifetime: destruction makes the spawner kill all that it started, and waits
// for its end within a bound. The death of this process does the same.
class Spawner {
 public:
  // Starts `program spawner FD ...`; "/proc/self/exe" for this very program.
  static absl::StatusOr<std::unique_ptr<Spawner>> Launch(
      const std::string& program, const SpawnerTies& ties = {});

  virtual ~Spawner() = default;

  using Descriptors = std::array<UniqueFd, kChildDescriptors>;

  // Queues a program to start; `request.descriptors` is filled in here. The
  // end of it, or of the try, is reported once by Take().
  virtual void Start(SpawnRequest request, Descriptors descriptors) = 0;

  // Queues where control groups may be made, for all that is started later.
  virtual void UseGroups(const GroupSetup& setup) = 0;

  // Queues a signal; nothing happens if the program has ended.
  virtual void Signal(const SignalRequest& request) = 0;

  // Sends what is queued, as far as the socket takes it; true if all left.
  //
  // Errors: Unavailable if the spawner is dead, and so is all it started.
  virtual absl::StatusOr<bool> Flush() = 0;

  // Readable when Take() has something, writable when Flush() may go on.
  virtual int fd() const = 0;

  // What has ended since the last call; does not wait.
  //
  // Errors: as Flush().
  virtual absl::StatusOr<std::vector<SpawnerReport>> Take() = 0;

  virtual pid_t pid() const = 0;
};

// For a person: "cannot run 'nosuch': not found on PATH".
std::string DescribeSpawnFailure(const SpawnFailed& failure,
                                 const std::string& program,
                                 const std::string& directory);

// For a person, of a process that has broken a limit: which, and by what.
std::string DescribeLimit(const ProcessExited& exited,
                          const ProcessLimits& limits);

// "exited with code 3", "killed by SIGSEGV (segmentation fault)"; empty for
// exit code 0.
std::string DescribeWaitStatus(int wait_status);

}  // namespace remuda

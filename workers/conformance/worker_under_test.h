#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "workers/protocol/worker_cell.h"
#include "workers/protocol/worker_channel.h"

namespace remuda {

// A worker started as an agent starts it, and the agent's ends of what they
// share. It carries bytes and frames; what they should be, the checks decide.
//
// Thread: confined to its owner. Receive() and AwaitExit() block.
// Lifetime: destruction kills the worker with everything it started and
// removes its folder. `clock` outlives it.
class WorkerUnderTest {
 public:
  // Errors: as of the system calls. That the program cannot be run shows as
  // an exit with 127 and words on standard error.
  static absl::StatusOr<WorkerUnderTest> Start(
      const std::vector<std::string>& argv, const Clock& clock);

  WorkerUnderTest(WorkerUnderTest&& other) noexcept;
  WorkerUnderTest& operator=(WorkerUnderTest&&) = delete;
  ~WorkerUnderTest();

  // All of `bytes`, or what fits until `patience` is over or it is gone.
  // Returns whether all went.
  bool Send(std::string_view bytes, Duration patience);

  // The next frame's body; none if none came in time or the channel ended.
  std::optional<std::string> Receive(Duration patience);

  // Whether the worker's end is closed, or its frames make no sense.
  bool channel_ended() const { return channel_ended_; }

  void CloseChannel() { channel_.Reset(); }
  void Signal(int number) const { kill(pid_, number); }

  // The wait status, when it ends in time.
  std::optional<int> AwaitExit(Duration patience);

  // Living processes of its session, itself included.
  std::vector<pid_t> Processes() const;

  // Descriptors of process `pid` that are the channel or the cell, and that
  // programs it starts would inherit.
  std::vector<std::string> InheritedDescriptors(pid_t pid) const;

  std::string ReadStdout() const;
  std::string ReadStderr() const;

  // How it ended, or that it runs, with its last words; for a person.
  std::string Describe();

  pid_t pid() const { return pid_; }
  WorkerCell& cell() { return cell_; }
  std::string log_folder() const { return folder_ + "/logs"; }

 private:
  WorkerUnderTest(WorkerCell cell, const Clock& clock)
      : cell_(std::move(cell)), clock_(&clock) {}

  absl::Status Launch(const std::vector<std::string>& argv);
  bool ReadSome();
  void KillAll();

  WorkerCell cell_;
  const Clock* clock_;
  std::string folder_;
  UniqueFd channel_;
  UniqueFd output_;
  UniqueFd errors_;
  std::string channel_link_;  // as /proc names the worker's end
  std::string cell_link_;
  WorkerFrameCutter frames_;
  bool channel_ended_ = false;
  pid_t pid_ = -1;  // -1 after a move
  std::optional<int> status_;
};

}  // namespace remuda

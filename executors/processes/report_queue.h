#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "executors/processes/spawn_message.h"

namespace remuda {

// What the spawner has to tell its agent. Ends of the line (spawn_line.h) may
// leave together: while each program that runs has a successor in the spawner,
// the agent has nothing to do about one end, and waking it for each costs more
// of the cores than a short command's own start does.
//
// Thread: confined to its owner's.
class ReportQueue {
 public:
  // It is less than short commands may wait for their turn, 5 ms.
  static constexpr int kPauseMilliseconds = 3;

  enum class Of : uint8_t { kLine, kOther };
  enum class Line : uint8_t { kGoesOn, kNeedsMore };

  // Everything but an end of the line leaves with the next Send().
  void Add(const SpawnFailed& report);
  void Add(const ProcessExited& report, MonotonicTime now, Of of);

  // Sends as much as is due and the socket takes, without waiting: an agent
  // that is merely stopped reads nothing. False when it is gone.
  bool Send(int socket, MonotonicTime now, Line line);

  // The socket did not take all.
  bool has_unsent() const { return !unsent_.empty(); }

  // How long Send() may be put off; -1 if nothing depends on it.
  int wait_milliseconds() const {
    return reports_.empty() ? -1 : kPauseMilliseconds;
  }

 private:
  std::string reports_;
  bool is_awaited_ = false;
  MonotonicTime since_{};
  std::string unsent_;  // whole frames
};

}  // namespace remuda

#pragma once

#include <string>

namespace remuda {

// What ties spawners and what they start to their agent, besides their socket.
struct SpawnerTies {
  // Descriptors that each spawner keeps; -1: none.
  //
  // Stays open, and with it locked, until all that was started has ended.
  int work_lock = -1;
  // Of a LeasePage: what was started ends with the lease.
  int lease = -1;
  // Begins the mark of all that was started, so that the agent's next process
  // finds what outlived both it and its spawners. Empty: nobody looks.
  std::string owner;
};

}  // namespace remuda

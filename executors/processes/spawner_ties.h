#pragma once

namespace remuda {

// Descriptors of the agent that each of its spawners keeps, besides their
// socket. -1: none.
struct SpawnerTies {
  // Stays open, and with it locked, until all that was started has ended.
  int work_lock = -1;
  // Of a LeasePage: what was started ends with the lease.
  int lease = -1;
};

}  // namespace remuda

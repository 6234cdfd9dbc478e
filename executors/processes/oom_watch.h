#pragma once

#include <cstdint>

namespace remuda {

// Whether the kernel has killed for want of memory, by its own count. The
// count is the machine's (or the container's), so it is evidence only beside
// a process that SIGKILL ended and that nobody of us sent.
//
// Thread: confined to its owner.
class OomWatch {
 public:
  OomWatch() : seen_(Read()) {}

  // True if there were kills since the last call that returned true, or since
  // the construction.
  bool TakeKill();

  // Those until now are explained: a limit of somebody's own was kept.
  void Skip() { seen_ = Read(); }

 private:
  static uint64_t Read();

  uint64_t seen_;
};

}  // namespace remuda

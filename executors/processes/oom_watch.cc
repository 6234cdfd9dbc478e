#include "executors/processes/oom_watch.h"

#include <fstream>
#include <string>

namespace remuda {

bool OomWatch::TakeKill() {
  // Two processes may have been killed before the first is asked about.
  if (Read() <= seen_) return false;
  ++seen_;
  return true;
}

uint64_t OomWatch::Read() {
  std::ifstream file("/proc/vmstat");
  std::string name;
  uint64_t count = 0;
  while (file >> name >> count) {
    if (name == "oom_kill") return count;
  }
  return 0;
}

}  // namespace remuda

#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "executors/processes/spawn_message.h"

namespace remuda {

struct ChildPlan {
  std::vector<std::string> argv;  // not empty
  std::vector<std::string> environment;
  std::string directory;
  // What becomes descriptor i of the child; -1 leaves 0 to 2 as they are in
  // the caller and closes the others. Each is above kChildDescriptors.
  std::array<int, kChildDescriptors> descriptors;
  // The program is in the control groups of these before it begins.
  std::vector<int> groups;
};

struct ChildFailure {
  SpawnStage stage = SpawnStage::kProcess;
  int error_number = 0;
};

// Starts a program in a session of its own, with a default signal mask, no
// other descriptors, and killed when the calling thread ends. It shares the
// caller's memory until its exec, so the caller waits for that moment and the
// cost does not grow with the caller's size. Umask, limits and the like are
// the caller's own and are inherited.
//
// The program is searched for on the PATH of `environment` unless its name
// has a slash.
//
// Thread: the only one of a single-threaded process.
std::variant<pid_t, ChildFailure> StartChild(const ChildPlan& plan);

}  // namespace remuda

#pragma once

#include <string>

#include "executors/processes/process_limits.h"

namespace remuda {

// Where this agent may make control groups.
struct ControlGroupOptions {
  bool use = true;     // false: limits are kept by looking
  std::string parent;  // a group of the operator's; empty: the agent's own
  // For tests.
  std::string cgroup_file = "/proc/self/cgroup";
  std::string mountinfo_file = "/proc/self/mountinfo";
};

// Finds the folders of this process's own groups, version 2 before version 1,
// and whether groups may be made there. With version 2 this process and its
// children move to a group below, as the kernel wants it.
ControlGroupPlaces FindControlGroups(const ControlGroupOptions& options);

// "cgroup v1 memory, pids", or "sampling only, because ...".
std::string Describe(const ControlGroupPlaces& places);

// The name of a group that belongs to this process, different for each `tag`.
std::string OwnGroupName(const std::string& tag);

// Removes groups of agents that live no more, with what still runs in them.
void RemoveLeftGroups(const ControlGroupPlaces& places);

// Kills everything in the group and removes it and the groups below it. False
// if something of it would not die.
bool RemoveGroup(const std::string& folder);

}  // namespace remuda

#pragma once

#include <cstdint>
#include <string>

namespace remuda {

// How many processors this process may keep busy: `processors`, or fewer where
// a control group above it has a CPU quota (containers have), rounded up and
// at least 1. What to run on them is for the caller to say.
//
// `root` is where /proc and the mounted control groups are found; "" outside
// tests. Files that are missing or make no sense count as no quota.
uint64_t UsableCores(uint64_t processors, const std::string& root = "");

// How many bytes this process and what it starts may hold: the machine's
// memory, or less where a control group above it has a limit. 0: not known.
uint64_t UsableMemoryBytes(const std::string& root = "");

}  // namespace remuda

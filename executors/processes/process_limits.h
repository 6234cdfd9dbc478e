#pragma once

#include <cstdint>
#include <string>

namespace remuda {

// Of a task with all that it starts, unless its job says more.
inline constexpr uint64_t kTaskProcessesMax = 1024;

// What one process may use with everything that it starts. 0: no limit.
struct ProcessLimits {
  uint64_t memory_bytes = 0;
  uint64_t processes = 0;  // threads count too

  bool any() const { return memory_bytes != 0 || processes != 0; }
  friend bool operator==(const ProcessLimits&, const ProcessLimits&) = default;
};

enum class LimitBroken : uint8_t { kNone, kMemory, kProcesses };

// By what limits are kept. Without a parent folder, by looking at the
// processes again and again.
struct ControlGroupPlaces {
  int version = 0;             // of control groups: 1, 2, or 0 for none
  std::string memory;          // folder in which groups may be made, or empty
  std::string processes;       // the same; with version 2 the same folder
  std::string missing_reason;  // why one of them is empty, for a person

  friend bool operator==(const ControlGroupPlaces&,
                         const ControlGroupPlaces&) = default;
};

}  // namespace remuda

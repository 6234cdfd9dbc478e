#pragma once

#include <array>
#include <cstdint>

namespace remuda {

// Frames of one connection by their type; each type goes one way only.
struct FrameCounts {
  std::array<uint64_t, 128> of_type{};
  uint64_t malformed = 0;  // not understood
};

}  // namespace remuda

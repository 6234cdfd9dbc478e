#pragma once

#include <cstddef>

namespace remuda {

// What a socket lets through unless its options say otherwise, and the most
// that an option may say.
inline constexpr size_t kFrameBytesMax = size_t{1} << 20;
inline constexpr size_t kFrameBytesCeiling = size_t{16} << 20;

// Lengths of lists inside a message that a receiver takes.
inline constexpr size_t kWireListMax = 65'536;

}  // namespace remuda

#pragma once

#include <cstddef>
#include <cstdint>

namespace remuda {

// What a socket lets through unless its options say otherwise, and the most
// that an option may say.
inline constexpr size_t kFrameBytesMax = size_t{1} << 20;
inline constexpr size_t kFrameBytesCeiling = size_t{16} << 20;

// Lengths of lists inside a message that a receiver takes.
inline constexpr size_t kWireListMax = 65'536;

// What a decoder asks of every number and list that it reads.
template <typename Enum>
bool IsEnum(uint32_t value, Enum last) {
  return value <= static_cast<uint32_t>(last);
}

template <typename Container>
bool TooLong(const Container& list) {
  return static_cast<size_t>(list.size()) > kWireListMax;
}

}  // namespace remuda

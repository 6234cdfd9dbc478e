#include "simulation/version_skew.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "wire/codec.h"

namespace remuda {
namespace {

// Of a frame's header (docs/WIRE.md): the body's length, 4 bytes.
constexpr size_t kLengthAt = 8;
// Field 999, a varint, with the value 1.
constexpr std::string_view kUnknown = "\xb8\x3e\x01";

}  // namespace

void AddUnknownField(std::string& frame) {
  frame += kUnknown;
  uint64_t length = frame.size() - kFrameHeaderBytes;
  for (size_t i = 0; i < 4; ++i, length >>= 8) {
    frame[kLengthAt + i] = static_cast<char>(length & 0xff);
  }
  CHECK_OK(DecodeHeader(frame));
}

}  // namespace remuda

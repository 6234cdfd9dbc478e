#include "workers/protocol/worker_channel.h"

#include "base/check.h"

namespace remuda {

std::string WorkerFrame(std::string_view body) {
  CHECK(body.size() <= kWorkerFrameBytesMax);
  std::string frame;
  frame.reserve(body.size() + 4);
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame += static_cast<char>((body.size() >> shift) & 0xFF);
  }
  frame += body;
  return frame;
}

std::optional<std::string_view> WorkerFrameCutter::Next() {
  const std::string_view rest = std::string_view(buffer_).substr(taken_);
  size_t size = 0;
  if (rest.size() >= 4) {
    for (size_t i = 0; i < 4; ++i) {
      size = size << 8 | static_cast<unsigned char>(rest[i]);
    }
  }
  if (size > kWorkerFrameBytesMax) broken_ = true;
  if (broken_) return std::nullopt;
  if (rest.size() < 4 || rest.size() - 4 < size) {
    buffer_.erase(0, taken_);
    taken_ = 0;
    return std::nullopt;
  }
  taken_ += 4 + size;
  return rest.substr(4, size);
}

}  // namespace remuda

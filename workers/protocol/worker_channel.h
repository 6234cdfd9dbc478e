#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace remuda {

// The worker protocol's framing (docs/WORKER_PROTOCOL.md): four bytes of
// big-endian length, then so many bytes of JSON. Both ends use it.

// The protocol that this program speaks.
inline constexpr int kWorkerProtocol = 2;

// The numbers of a worker's descriptors, told to it by these variables.
inline constexpr int kWorkerChannelFd = 3;
inline constexpr int kWorkerCellFd = 4;
inline constexpr char kWorkerChannelVariable[] = "REMUDA_WORKER_FD";
inline constexpr char kWorkerCellVariable[] = "REMUDA_WORKER_CELL_FD";

// A longer frame ends the connection.
inline constexpr size_t kWorkerFrameBytesMax = size_t{64} << 20;

// Puts the length before `body`.
std::string WorkerFrame(std::string_view body);

// Cuts a stream into frames.
//
// Thread: confined to its owner.
class WorkerFrameCutter {
 public:
  void Add(std::string_view bytes) { buffer_.append(bytes); }

  // The body of the next whole frame, valid until the next call of any method.
  std::optional<std::string_view> Next();

  // The length was out of bounds; nothing more will come.
  bool broken() const { return broken_; }

 private:
  std::string buffer_;
  size_t taken_ = 0;
  bool broken_ = false;
};

}  // namespace remuda

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "base/event_loop.h"
#include "coordinator/store/reader.h"

namespace remuda {

// Does work that reads the store or takes long beside the control loop, in
// order, and brings what it found back to the loop.
//
// Thread: confined to the control loop's.
// Lifetime: destruction waits for the work that runs, drops what waits, and
// brings nothing back any more. Ends before the loop.
class ReaderThread {
 public:
  // Requests that may wait, of which one client may well have hundreds on their
  // way; and what those hold that say how much that is.
  static constexpr size_t kWaitingMax = 8'192;
  static constexpr uint64_t kWaitingBytesMax = uint64_t{128} << 20;

  // Runs on the thread; what it returns runs on the loop.
  using Work = std::function<std::function<void()>(StoreReader&)>;

  ReaderThread(StoreReader reader, EventLoop& home);
  ~ReaderThread();
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  // False if too much waits: the client is told to ask again later. What holds
  // more than may wait is taken when nothing else waits.
  [[nodiscard]] bool Ask(Work work, uint64_t bytes = 0);

 private:
  StoreReader reader_;  // the thread's alone
  EventLoop& home_;
  EventLoop loop_;
  size_t waiting_ = 0;
  uint64_t waiting_bytes_ = 0;
  // Shared with what is on its way to the loop when this ends.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace remuda

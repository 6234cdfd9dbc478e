#pragma once

#include <cstddef>
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
  // Requests that may wait.
  static constexpr size_t kWaitingMax = 256;

  // Runs on the thread; what it returns runs on the loop.
  using Work = std::function<std::function<void()>(StoreReader&)>;

  ReaderThread(StoreReader reader, EventLoop& home);
  ~ReaderThread();
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  // False if too much waits: the client is told to ask again later.
  [[nodiscard]] bool Ask(Work work);

 private:
  StoreReader reader_;  // the thread's alone
  EventLoop& home_;
  EventLoop loop_;
  size_t waiting_ = 0;
  // Shared with what is on its way to the loop when this ends.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace remuda

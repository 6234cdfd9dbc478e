#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/event_loop.h"
#include "base/file_descriptor.h"

namespace remuda {

class LoopTask;

// Which task waits for which descriptor. They are a stranger's: one that is
// closed, or is no descriptor at all, must cost no more than its task.
//
// Thread: confined to the loop's.
class FdWaits {
 public:
  // `ready` is given the task whose wait has ended.
  FdWaits(EventLoop& loop, std::function<void(LoopTask& task)> ready);
  ~FdWaits();
  FdWaits(const FdWaits&) = delete;
  FdWaits& operator=(const FdWaits&) = delete;

  // `events` are REMUDA_READABLE and REMUDA_WRITABLE. False if the descriptor
  // cannot be waited for, or another task does.
  bool Add(int fd, uint32_t events, LoopTask& task);

  // Nobody waits for it any more.
  void Remove(int fd);

 private:
  struct Entry {
    LoopTask* waits = nullptr;
    uint32_t generation = 0;  // of the wait, so that a late event is known
    bool is_known = false;    // to the kernel, unless it was closed since
  };

  bool Register(int fd, uint32_t events, Entry& entry);
  void OnReady();

  EventLoop& loop_;
  const std::function<void(LoopTask&)> ready_;
  const UniqueFd epoll_;
  std::vector<Entry> entries_;  // by descriptor
};

}  // namespace remuda

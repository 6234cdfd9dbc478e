#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/file_descriptor.h"

namespace remuda {

// Which descriptors EventLoop waits for and what runs when they are ready:
// epoll, level-triggered.
//
// Thread: confined to the loop.
// Lifetime: borrows the descriptors; Unwatch before closing one.
class DescriptorWatches {
 public:
  using Task = std::function<void()>;
  enum class Side { kReadable, kWritable };

  // What Wait() found. Outlives a change of the watches: Run() then does
  // nothing for a watch that is gone, even if its number was used again.
  struct Ready {
    int fd;
    uint32_t generation;
    uint32_t events;
  };

  DescriptorWatches();
  ~DescriptorWatches();

  void Watch(int fd, Side side, Task task);
  void Unwatch(int fd, Side side);

  // Adds what becomes ready within `longest`, at most `count_max`.
  void Wait(Duration longest, size_t count_max, std::vector<Ready>& ready);

  void Run(const Ready& ready);

  // Destroys tasks that were removed, which may not happen while one of them
  // is running.
  void ForgetRemoved() { removed_.clear(); }

 private:
  struct Entry;

  // Tells the kernel what `entry` wants.
  void Update(int fd, Entry& entry);

  const UniqueFd epoll_;
  uint32_t last_generation_ = 0;
  std::unordered_map<int, Entry> entries_;
  std::vector<std::unique_ptr<Task>> removed_;
  bool has_nanoseconds_ = true;  // false where the kernel lacks epoll_pwait2
};

}  // namespace remuda

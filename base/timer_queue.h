#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/timer_id.h"

namespace remuda {

// Tasks by the time at which they are due; EventLoop's timers. It has no
// clock: the loop says what time it is.
//
// Adding costs O(log n), cancelling O(1) on average; a cancelled timer's place
// in the heap is freed when half of the heap is such places.
//
// Thread: confined to the loop.
class TimerQueue {
 public:
  using Task = std::function<void()>;

  TimerId Add(MonotonicTime when, Task task);

  // Whether it was still to run.
  bool Cancel(TimerId timer);

  // When the earliest is due; MonotonicTime::max() if there is none. Timers
  // set for max() never run.
  MonotonicTime Next();

  // Runs what is due at `now`, earliest first and then in the order of
  // adding, at most `count_max`. What the tasks add waits for the next call.
  void RunDue(MonotonicTime now, size_t count_max);

  size_t size() const { return tasks_.size(); }

 private:
  struct Entry {
    MonotonicTime when;
    uint64_t id;
  };
  static bool Later(const Entry& a, const Entry& b);

  void DropCancelled();
  void PopTop();

  uint64_t last_id_ = 0;
  std::vector<Entry> heap_;  // may name timers that were cancelled
  std::unordered_map<uint64_t, Task> tasks_;
};

}  // namespace remuda

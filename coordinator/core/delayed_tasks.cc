#include "coordinator/core/delayed_tasks.h"

#include <algorithm>

#include "base/check.h"

namespace remuda {

bool DelayedTasks::IsLater(const Entry& one, const Entry& other) {
  if (one.due != other.due) return one.due > other.due;
  return one.tasks > other.tasks;
}

void DelayedTasks::Add(MonotonicTime due, IndexRange tasks) {
  CHECK(tasks.first + tasks.count <= uint64_t{1} << (64 - kCountBits));
  while (tasks.count > 0) {
    const uint64_t count = std::min(tasks.count, kCountMax);
    // In quarters: doubling would take half of the memory for nothing.
    if (heap_.size() == heap_.capacity()) {
      heap_.reserve(heap_.size() + heap_.size() / 4 + 4);
    }
    heap_.push_back({.due = due, .tasks = tasks.first << kCountBits | count});
    std::push_heap(heap_.begin(), heap_.end(), IsLater);
    tasks = {.first = tasks.first + count, .count = tasks.count - count};
  }
}

std::vector<IndexRange> DelayedTasks::TakeDue(MonotonicTime now) {
  std::vector<IndexRange> due;
  while (!heap_.empty() && heap_.front().due <= now) {
    const uint64_t tasks = heap_.front().tasks;
    due.push_back({.first = tasks >> kCountBits, .count = tasks & kCountMax});
    std::pop_heap(heap_.begin(), heap_.end(), IsLater);
    heap_.pop_back();
  }
  if (heap_.empty()) heap_ = {};
  return due;
}

std::optional<MonotonicTime> DelayedTasks::next_due() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

}  // namespace remuda

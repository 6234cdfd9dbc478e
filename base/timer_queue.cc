#include "base/timer_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace remuda {
namespace {

// Below this many cancelled places it is not worth building the heap again.
constexpr size_t kCancelledMin = 64;

}  // namespace

bool TimerQueue::Later(const Entry& a, const Entry& b) {
  return a.when != b.when ? a.when > b.when : a.id > b.id;
}

TimerId TimerQueue::Add(MonotonicTime when, Task task) {
  CHECK(task != nullptr);
  const uint64_t id = ++last_id_;
  tasks_.emplace(id, std::move(task));
  heap_.push_back({.when = when, .id = id});
  std::push_heap(heap_.begin(), heap_.end(), Later);
  return TimerId{id};
}

bool TimerQueue::Cancel(TimerId timer) {
  if (tasks_.erase(static_cast<uint64_t>(timer)) == 0) return false;
  if (heap_.size() > 2 * tasks_.size() + kCancelledMin) {
    std::erase_if(heap_, [this](const Entry& entry) {
      return !tasks_.contains(entry.id);
    });
    std::make_heap(heap_.begin(), heap_.end(), Later);
  }
  return true;
}

MonotonicTime TimerQueue::Next() {
  DropCancelled();
  return heap_.empty() ? MonotonicTime::max() : heap_.front().when;
}

void TimerQueue::RunDue(MonotonicTime now, size_t count_max) {
  const uint64_t last_id = last_id_;
  for (size_t count = 0; count < count_max; ++count) {
    if (Next() > now || Next() == MonotonicTime::max()) return;
    const Entry due = heap_.front();
    // A task that was added for a time already passed can be before older
    // ones; it would otherwise go round without end.
    if (due.id > last_id) return;
    PopTop();
    const auto found = tasks_.find(due.id);
    const Task task = std::move(found->second);
    tasks_.erase(found);
    task();
  }
}

void TimerQueue::DropCancelled() {
  while (!heap_.empty() && !tasks_.contains(heap_.front().id)) PopTop();
}

void TimerQueue::PopTop() {
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  heap_.pop_back();
}

}  // namespace remuda

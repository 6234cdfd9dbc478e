#include "agent/core/waiting_work.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "jobs/items.h"
#include "jobs/job.h"

namespace remuda {
namespace {

FencedRange Named(const WaitingRange& range) {
  return {.job = range.work->id, .tasks = range.tasks, .fence = range.fence};
}

uint64_t End(const IndexRange& range) { return range.first + range.count; }

// The item of the first task, and the range shortened by it.
std::string TakeItem(WaitingRange& range) {
  const TaskIndex task = range.tasks.first;
  ++range.tasks.first;
  --range.tasks.count;
  if (range.items == nullptr) {
    return ComputedItem(range.work->job.tasks, task);
  }
  const size_t end = range.items->find('\n', range.offset);
  CHECK(end != std::string::npos);
  std::string item = range.items->substr(range.offset, end - range.offset);
  range.offset = end + 1;
  return item;
}

}  // namespace

WaitingRange SliceOf(const WaitingRange& range, const IndexRange& part) {
  CHECK(part.first >= range.tasks.first && End(part) <= End(range.tasks));
  WaitingRange slice = range;
  slice.tasks = part;
  if (range.items != nullptr) {
    for (uint64_t i = range.tasks.first; i < part.first; ++i) {
      slice.offset = range.items->find('\n', slice.offset) + 1;
    }
  }
  return slice;
}

void WaitingWork::Push(WaitingRange range) {
  Count(range.key, range.tasks.count);
  ranges_.push_back(std::move(range));
}

WaitingWork::Taken WaitingWork::Take(Room room) {
  Taken taken;
  if (size_ == 0 || room.attempts == 0) return taken;
  taken.attempts.reserve(std::min<uint64_t>(room.attempts, size_));
  while (!ranges_.empty()) {
    WaitingRange& front = ranges_.front();
    const bool timed = front.work->job.timeout > Duration::zero();
    size_t count = timed ? std::min(room.attempts, room.slots) : room.attempts;
    count = std::min<uint64_t>(count, front.tasks.count);
    if (count == 0) break;
    for (size_t i = 0; i < count; ++i) {
      const AttemptId id = {.job = front.work->id,
                            .task = front.tasks.first,
                            .fence = front.fence};
      taken.attempts.push_back(
          {.id = id, .work = front.work, .item = TakeItem(front)});
    }
    if (!taken.granted.empty() && taken.granted.back().at == front.granted_at &&
        taken.granted.back().work == front.key) {
      taken.granted.back().attempts += count;
    } else {
      taken.granted.push_back(
          {.at = front.granted_at, .work = front.key, .attempts = count});
    }
    room.attempts -= count;
    room.slots -= std::min(room.slots, count);
    Uncount(front.key, count);
    if (front.tasks.count == 0) ranges_.pop_front();
  }
  return taken;
}

std::vector<FencedRange> WaitingWork::List() const {
  std::vector<FencedRange> list;
  list.reserve(ranges_.size());
  for (const WaitingRange& range : ranges_) list.push_back(Named(range));
  return list;
}

std::vector<FencedRange> WaitingWork::RemoveAll() {
  std::vector<FencedRange> removed = List();
  ranges_.clear();
  size_ = 0;
  by_work_.clear();
  return removed;
}

std::vector<FencedRange> WaitingWork::RemoveJob(JobId job) {
  std::vector<FencedRange> removed;
  std::deque<WaitingRange> kept;
  for (WaitingRange& range : ranges_) {
    if (range.work->id == job) {
      Uncount(range.key, range.tasks.count);
      removed.push_back(Named(range));
    } else {
      kept.push_back(std::move(range));
    }
  }
  ranges_ = std::move(kept);
  return removed;
}

std::vector<FencedRange> WaitingWork::RemoveBeyond(uint64_t kept) {
  std::vector<FencedRange> removed;
  while (size_ > kept) {
    WaitingRange& last = ranges_.back();
    const uint64_t count = std::min(last.tasks.count, size_ - kept);
    last.tasks.count -= count;
    removed.push_back({.job = last.work->id,
                       .tasks = {End(last.tasks), count},
                       .fence = last.fence});
    Uncount(last.key, count);
    if (last.tasks.count == 0) ranges_.pop_back();
  }
  std::reverse(removed.begin(), removed.end());
  return removed;
}

std::optional<MonotonicTime> WaitingWork::oldest() const {
  if (ranges_.empty()) return std::nullopt;
  return ranges_.front().granted_at;
}

void WaitingWork::Count(WorkKey work, uint64_t tasks) {
  size_ += tasks;
  by_work_[work] += tasks;
}

void WaitingWork::Uncount(WorkKey work, uint64_t tasks) {
  size_ -= tasks;
  const auto counted = by_work_.find(work);
  counted->second -= tasks;
  if (counted->second == 0) by_work_.erase(counted);
}

std::vector<FencedRange> WaitingWork::RemoveTasks(JobId job,
                                                  const IndexRange& tasks,
                                                  std::optional<Fence> fence) {
  std::vector<FencedRange> removed;
  std::deque<WaitingRange> kept;
  for (WaitingRange& range : ranges_) {
    const uint64_t first = std::max(range.tasks.first, tasks.first);
    const uint64_t end = std::min(End(range.tasks), End(tasks));
    if (range.work->id != job || (fence.has_value() && *fence != range.fence) ||
        first >= end) {
      kept.push_back(std::move(range));
      continue;
    }
    removed.push_back(
        {.job = job, .tasks = {first, end - first}, .fence = range.fence});
    Uncount(range.key, end - first);
    if (first > range.tasks.first) {
      kept.push_back(
          SliceOf(range, {range.tasks.first, first - range.tasks.first}));
    }
    if (end < End(range.tasks)) {
      kept.push_back(SliceOf(range, {end, End(range.tasks) - end}));
    }
  }
  ranges_ = std::move(kept);
  return removed;
}

}  // namespace remuda

#include "agent/core/held_tasks.h"

namespace remuda {

std::vector<IndexRange> HeldTasks::Add(const FencedRange& range) {
  IndexRanges& held = ranges_[{range.job, range.fence}];
  const uint64_t before = held.size();
  IndexRanges added(range.tasks);
  for (const IndexRange& part : held.Intersect(range.tasks)) {
    added.Remove(part);
  }
  held.Add(range.tasks);
  size_ += held.size() - before;
  return {added.ranges().begin(), added.ranges().end()};
}

void HeldTasks::Remove(const FencedRange& range) {
  auto found = ranges_.find({range.job, range.fence});
  if (found == ranges_.end()) return;
  const uint64_t before = found->second.size();
  found->second.Remove(range.tasks);
  size_ -= before - found->second.size();
  if (found->second.empty()) ranges_.erase(found);
}

bool HeldTasks::HoldsJob(JobId job) const {
  auto found = ranges_.lower_bound({job, Fence{0}});
  return found != ranges_.end() && found->first.first == job;
}

std::vector<FencedRange> HeldTasks::List() const {
  std::vector<FencedRange> list;
  for (const auto& [key, ranges] : ranges_) {
    for (const IndexRange& range : ranges.ranges()) {
      list.push_back({.job = key.first, .tasks = range, .fence = key.second});
    }
  }
  return list;
}

}  // namespace remuda

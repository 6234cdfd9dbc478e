#include "jobs/index_ranges.h"

#include <algorithm>

#include "base/check.h"

namespace remuda {
namespace {

uint64_t EndOf(IndexRange range) {
  CHECK(range.count <= UINT64_MAX - range.first);
  return range.first + range.count;
}

}  // namespace

IndexRanges::Map::const_iterator IndexRanges::Find(uint64_t index) const {
  Map::const_iterator at = end_of_first_.upper_bound(index);
  if (at != end_of_first_.begin()) {
    const Map::const_iterator before = std::prev(at);
    if (before->second > index) return before;
  }
  return at;
}

void IndexRanges::Add(IndexRange range) {
  uint64_t first = range.first;
  uint64_t end = EndOf(range);
  if (range.count == 0) return;
  // Starts at the range before, which may touch without holding `first`.
  Map::iterator at = end_of_first_.upper_bound(first);
  if (at != end_of_first_.begin() && std::prev(at)->second >= first) --at;
  while (at != end_of_first_.end() && at->first <= end) {
    first = std::min(first, at->first);
    end = std::max(end, at->second);
    size_ -= at->second - at->first;
    at = end_of_first_.erase(at);
  }
  end_of_first_.emplace_hint(at, first, end);
  size_ += end - first;
}

void IndexRanges::Remove(IndexRange range) {
  const uint64_t end = EndOf(range);
  if (range.count == 0) return;
  Map::const_iterator at = Find(range.first);
  while (at != end_of_first_.end() && at->first < end) {
    const uint64_t old_first = at->first;
    const uint64_t old_end = at->second;
    size_ -= old_end - old_first;
    at = end_of_first_.erase(at);
    if (old_first < range.first) {
      at = std::next(end_of_first_.emplace_hint(at, old_first, range.first));
      size_ += range.first - old_first;
    }
    if (old_end > end) {
      at = end_of_first_.emplace_hint(at, end, old_end);
      size_ += old_end - end;
    }
  }
}

std::vector<IndexRange> IndexRanges::TakeFirst(uint64_t count_max) {
  std::vector<IndexRange> taken;
  while (count_max > 0 && !end_of_first_.empty()) {
    const Map::iterator lowest = end_of_first_.begin();
    const uint64_t first = lowest->first;
    const uint64_t end = lowest->second;
    const uint64_t count = std::min(count_max, end - first);
    taken.push_back({.first = first, .count = count});
    count_max -= count;
    size_ -= count;
    const Map::iterator next = end_of_first_.erase(lowest);
    if (count < end - first) {
      end_of_first_.emplace_hint(next, first + count, end);
    }
  }
  return taken;
}

void IndexRanges::Clear() {
  end_of_first_.clear();
  size_ = 0;
}

bool IndexRanges::Contains(uint64_t index) const {
  const Map::const_iterator at = Find(index);
  return at != end_of_first_.end() && at->first <= index;
}

bool IndexRanges::ContainsAll(IndexRange range) const {
  const uint64_t end = EndOf(range);
  if (range.count == 0) return true;
  const Map::const_iterator at = Find(range.first);
  return at != end_of_first_.end() && at->first <= range.first &&
         at->second >= end;
}

std::vector<IndexRange> IndexRanges::Intersect(IndexRange range) const {
  const uint64_t end = EndOf(range);
  std::vector<IndexRange> common;
  if (range.count == 0) return common;
  Map::const_iterator at = Find(range.first);
  for (; at != end_of_first_.end() && at->first < end; ++at) {
    const uint64_t first = std::max(at->first, range.first);
    common.push_back(
        {.first = first, .count = std::min(at->second, end) - first});
  }
  return common;
}

}  // namespace remuda

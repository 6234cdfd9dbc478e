#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "jobs/index_ranges.h"

namespace remuda::columns {

// Packed lists in which equal values cost nothing (wire/remuda.proto). `List`
// is a protobuf RepeatedField.

// Makes a column of a list that has a value for each row.
template <typename List>
void Collapse(List& list) {
  if (list.empty()) return;
  const auto first = list.Get(0);
  if (!std::all_of(list.begin(), list.end(),
                   [first](auto value) { return value == first; })) {
    return;
  }
  list.Truncate(first == 0 ? 0 : 1);
}

// True if `list` is a column of `rows` rows.
template <typename List>
bool Fits(const List& list, size_t rows) {
  const auto size = static_cast<size_t>(list.size());
  return size == 0 || size == rows || (size == 1 && rows > 0);
}

// The value of one row. `list` must fit.
template <typename List>
auto At(const List& list, size_t row) {
  using Value = std::remove_cvref_t<decltype(list.Get(0))>;
  if (list.empty()) return Value{0};
  return list.Get(list.size() == 1 ? 0 : static_cast<int>(row));
}

// A range of task indices, if it is one: not empty, and it has an end.
inline std::optional<IndexRange> CheckedRange(uint64_t first, uint64_t count) {
  if (count == 0 || first > std::numeric_limits<uint64_t>::max() - count) {
    return std::nullopt;
  }
  return IndexRange{.first = first, .count = count};
}

// Reads a "ranges" list pair by pair.
//
// Thread: confined to its owner. Lifetime: borrows the list.
template <typename List>
class RangeReader {
 public:
  explicit RangeReader(const List& list) : list_(list) {}

  static bool WholePairs(const List& list) { return list.size() % 2 == 0; }

  size_t pairs() const { return static_cast<size_t>(list_.size()) / 2; }

  // nullopt if the list is not a valid one.
  std::optional<IndexRange> Next() {
    const uint64_t gap = list_.Get(at_);
    const uint64_t count = list_.Get(at_ + 1);
    at_ += 2;
    if (gap > std::numeric_limits<uint64_t>::max() - end_) return std::nullopt;
    const auto range = CheckedRange(end_ + gap, count);
    if (range.has_value()) end_ = range->first + range->count;
    return range;
  }

 private:
  const List& list_;
  int at_ = 0;
  uint64_t end_ = 0;
};

}  // namespace remuda::columns

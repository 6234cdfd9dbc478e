#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "absl/container/btree_map.h"

namespace remuda {

// The indices first .. first + count - 1. The last may be UINT64_MAX - 1.
struct IndexRange {
  uint64_t first = 0;
  uint64_t count = 0;

  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

// A set of indices of one fan-out, kept as sorted ranges that neither overlap
// nor touch: a million tasks that are alike cost one entry. What being in the
// set means is its owner's business.
//
// One operation costs O(log n) in the number of ranges, plus the ranges that
// it removes. A range whose count is 0 changes nothing; one that reaches past
// the highest index is a programmer error.
//
// Thread: confined to its owner.
class IndexRanges {
 public:
  // Visits the ranges in rising order.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = IndexRange;
    using difference_type = std::ptrdiff_t;
    using pointer = const IndexRange*;
    using reference = IndexRange;

    Iterator() = default;
    IndexRange operator*() const {
      return {.first = at_->first, .count = at_->second - at_->first};
    }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++at_;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class IndexRanges;
    explicit Iterator(absl::btree_map<uint64_t, uint64_t>::const_iterator at)
        : at_(at) {}
    absl::btree_map<uint64_t, uint64_t>::const_iterator at_;
  };

  struct View {
    Iterator first;
    Iterator last;
    Iterator begin() const { return first; }
    Iterator end() const { return last; }
  };

  IndexRanges() = default;
  explicit IndexRanges(IndexRange range) { Add(range); }

  // Indices already in the set stay.
  void Add(IndexRange range);

  // Indices not in the set are no error.
  void Remove(IndexRange range);

  // Removes the lowest indices, at most `count_max`, and returns them in
  // rising order; fewer only if the set is then empty.
  std::vector<IndexRange> TakeFirst(uint64_t count_max);

  void Clear();

  bool Contains(uint64_t index) const;

  // True for a range whose count is 0.
  bool ContainsAll(IndexRange range) const;

  // The part of `range` that is in the set, in rising order.
  std::vector<IndexRange> Intersect(IndexRange range) const;

  // The number of indices, not of ranges. O(1).
  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  size_t range_count() const { return end_of_first_.size(); }

  // Valid until the set changes.
  View ranges() const {
    return {.first = Iterator(end_of_first_.begin()),
            .last = Iterator(end_of_first_.end())};
  }

  friend bool operator==(const IndexRanges&, const IndexRanges&) = default;

 private:
  // Some 20 bytes a range, a third of what a std::map takes.
  using Map = absl::btree_map<uint64_t, uint64_t>;

  // The range that holds `index` or else the next one after it.
  Map::const_iterator Find(uint64_t index) const;

  Map end_of_first_;  // a range's first index -> the index after its last
  uint64_t size_ = 0;
};

}  // namespace remuda

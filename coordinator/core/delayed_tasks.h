#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "jobs/index_ranges.h"

namespace remuda {

// When tasks of one job that wait for a back-off may be granted again. A heap
// of 16 bytes for each range that falls due at a time of its own, since a
// whole array may wait like that.
//
// Thread: confined to its owner.
// Lifetime: a value.
class DelayedTasks {
 public:
  // Indices are below 2^53.
  void Add(MonotonicTime due, IndexRange tasks);

  // Removes what is due by `now` and returns it, by due time and then index.
  std::vector<IndexRange> TakeDue(MonotonicTime now);

  std::optional<MonotonicTime> next_due() const;

  void Clear() { heap_ = {}; }

 private:
  // More tasks than that which fall due together are several entries.
  static constexpr int kCountBits = 11;
  static constexpr uint64_t kCountMax = (1 << kCountBits) - 1;

  struct Entry {
    MonotonicTime due;
    uint64_t tasks;  // first << kCountBits | count
  };
  static bool IsLater(const Entry& one, const Entry& other);

  std::vector<Entry> heap_;  // the earliest in front
};

}  // namespace remuda

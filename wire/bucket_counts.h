#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/clock.h"

namespace remuda {

// A histogram as a plain value: adding to it is adding to an array, and many
// observations of one value cost what one costs. Shown by Metrics::Buckets;
// says nothing of what was observed.
//
// Thread: confined to its owner.
// Lifetime: a value; the bounds are borrowed for ever.
class BucketCounts {
 public:
  static constexpr size_t kBoundsMax = 16;

  // `bounds` rise; an observation counts under the first that is not below it,
  // or under none of them.
  explicit BucketCounts(std::span<const double> bounds) : bounds_(bounds) {
    CHECK(!bounds.empty() && bounds.size() <= kBoundsMax);
  }

  void Observe(double value, uint64_t times = 1) {
    size_t at = 0;
    while (at < bounds_.size() && bounds_[at] < value) ++at;
    counts_[at] += times;
    sum_ += value * static_cast<double>(times);
  }

  // In seconds. A clock that was set back makes none of them negative.
  void Observe(Duration value, uint64_t times = 1) {
    const double seconds = std::chrono::duration<double>(value).count();
    Observe(seconds > 0 ? seconds : 0.0, times);
  }

  // Adds what another one with the same bounds counted.
  void Add(const BucketCounts& other) {
    CHECK(bounds_.data() == other.bounds_.data());
    for (size_t at = 0; at < counts_.size(); ++at) {
      counts_[at] += other.counts_[at];
    }
    sum_ += other.sum_;
  }

  std::span<const double> bounds() const { return bounds_; }
  // Of those at or below bounds()[at] and above the one before; the last one
  // is of those above all.
  uint64_t count(size_t at) const { return counts_[at]; }
  double sum() const { return sum_; }

  uint64_t total() const {
    uint64_t total = 0;
    for (const uint64_t count : counts_) total += count;
    return total;
  }

 private:
  std::span<const double> bounds_;
  std::array<uint64_t, kBoundsMax + 1> counts_{};
  double sum_ = 0;
};

}  // namespace remuda

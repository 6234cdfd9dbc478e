#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"

namespace remuda {

// What a row of durations says, as bench/peers reads it.
struct Latencies {
  Duration p50 = Duration::zero();
  Duration p99 = Duration::zero();
  Duration most = Duration::zero();
  size_t count = 0;

  // `all` must not be empty. The nearest rank, no interpolation.
  static Latencies Of(std::vector<Duration> all) {
    CHECK(!all.empty());
    std::sort(all.begin(), all.end());
    const auto rank = [&](size_t percent) {
      return all[(all.size() * percent + 99) / 100 - 1];
    };
    return {rank(50), rank(99), all.back(), all.size()};
  }

  std::string ToJson() const {
    const auto microseconds = [](Duration duration) {
      return std::to_string(static_cast<double>(duration.count()) / 1000);
    };
    return "{\"count\":" + std::to_string(count) +
           ",\"p50_us\":" + microseconds(p50) +
           ",\"p99_us\":" + microseconds(p99) +
           ",\"most_us\":" + microseconds(most) + "}";
  }
};

}  // namespace remuda

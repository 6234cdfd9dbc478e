#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace remuda {

// When ends that have gathered leave, while no ack is awaited: at once, unless
// they are of short work of which more waits here. Those leave together, as a
// message with its commit and its ack costs both sides some 400 microseconds
// (docs/decisions/0064-ends-of-short-commands-are-told-together.md).
//
// Thread: confined to the agent core.
// Lifetime: a value.
class ResultsPace {
 public:
  struct Limits {
    // Such ends wait so long after the message before them...
    Duration pause = std::chrono::milliseconds(10);
    // ...unless there are so many.
    uint64_t enough = 64;
  };

  enum class Haste : uint8_t { kMoreIsDue, kAwaited };

  explicit ResultsPace(const Limits& limits) : limits_(limits) {}

  // Something that ended was added to what gathers.
  void OnEnded(Haste haste) {
    is_awaited_ |= haste == Haste::kAwaited;
    ++ends_;
  }

  // Once in each turn in which something has gathered.
  void OnGathered(MonotonicTime now) {
    if (!since_.has_value()) since_ = now;
  }

  // All that had gathered is in messages.
  void OnPacked(MonotonicTime now) {
    packed_at_ = now;
    since_.reset();
    ends_ = 0;
    is_awaited_ = false;
  }

  // Since when something gathers.
  std::optional<MonotonicTime> since() const { return since_; }

  bool MayWait(MonotonicTime now) const {
    return !is_awaited_ && ends_ < limits_.enough && now < due();
  }

  // When what gathers may wait no longer.
  MonotonicTime due() const { return packed_at_ + limits_.pause; }

 private:
  Limits limits_;
  uint64_t ends_ = 0;
  bool is_awaited_ = false;
  std::optional<MonotonicTime> since_;
  MonotonicTime packed_at_{};
};

}  // namespace remuda

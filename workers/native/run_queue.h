#pragma once

#include <optional>

#include "base/clock.h"
#include "base/file_descriptor.h"

namespace remuda {

// How long one thread was ready and had no processor, as the kernel counts it.
//
// Thread: made and used by the thread that it counts.
// Lifetime: a value of that thread.
class RunQueue {
 public:
  // Shorter tasks are not worth the reading.
  static constexpr Duration kTaskMin = std::chrono::milliseconds(1);

  RunQueue();

  // Since the last call, or since it was made. Waits that are over count.
  // Unknown on a kernel without /proc/*/schedstat.
  std::optional<Duration> SinceLast();

 private:
  std::optional<Duration> Read() const;

  const UniqueFd schedstat_;
  std::optional<Duration> last_;
};

}  // namespace remuda

#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "jobs/outcome.h"

namespace remuda {

// Measures what the calling thread uses between two moments: CPU time, time
// that it was ready but had no core, and switches, each as the kernel counts
// it. A measurement costs about 2 microseconds, so shorter tasks are sampled.
//
// Thread: made and used by one thread.
// Lifetime: a value of that thread.
class ThreadMeter {
 public:
  ThreadMeter();

  void Begin();

  // Fills in what was used since Begin(). The delay stays unknown on a kernel
  // without /proc/*/schedstat; it counts waits that are over.
  void End(Usage& usage) const;

 private:
  struct Reading {
    Duration cpu = Duration::zero();
    std::optional<Duration> delay;
    uint64_t voluntary = 0;
    uint64_t involuntary = 0;
  };

  Reading Read() const;

  const UniqueFd schedstat_;  // of this thread; not valid where there is none
  Reading began_;
};

}  // namespace remuda

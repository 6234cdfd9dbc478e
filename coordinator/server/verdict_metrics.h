#pragma once

#include <map>
#include <utility>

#include "jobs/states.h"
#include "jobs/verdict/verdict.h"
#include "wire/metrics.h"

namespace remuda {

// Verdicts on jobs that have ended. Every executor with every verdict is there
// from the start.
//
// Thread: confined to its owner's.
// Lifetime: the metrics outlive it.
class VerdictMetrics {
 public:
  explicit VerdictMetrics(Metrics& metrics);

  void Count(ExecutorKind executor, VerdictCode code);

 private:
  std::map<std::pair<ExecutorKind, VerdictCode>, Metrics::Counter> counters_;
};

}  // namespace remuda

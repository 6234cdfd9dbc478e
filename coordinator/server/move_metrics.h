#pragma once

#include <map>
#include <tuple>

#include "jobs/states.h"
#include "jobs/verdict/trial_decision.h"
#include "wire/metrics.h"

namespace remuda {

// Jobs that were moved to another executor, and what came of it. Every pair of
// executors with every result is there from the start.
//
// Thread: confined to its owner's.
// Lifetime: the metrics outlive it.
class MoveMetrics {
 public:
  explicit MoveMetrics(Metrics& metrics);

  // kGoesOn: a trial begins.
  void Count(ExecutorKind from, ExecutorKind to, TrialResult result);

 private:
  std::map<std::tuple<ExecutorKind, ExecutorKind, TrialResult>,
           Metrics::Counter>
      counters_;
};

}  // namespace remuda

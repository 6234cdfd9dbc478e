#include "coordinator/server/move_metrics.h"

#include <string>

namespace remuda {

MoveMetrics::MoveMetrics(Metrics& metrics) {
  for (int from = 0; from < kExecutorKinds; ++from) {
    for (int to = 0; to < kExecutorKinds; ++to) {
      if (from == to) continue;
      for (int i = 0; i < kTrialResults; ++i) {
        const auto result = static_cast<TrialResult>(i);
        counters_[{static_cast<ExecutorKind>(from),
                   static_cast<ExecutorKind>(to), result}] =
            metrics.AddCounter(
                "remuda_executor_moves_total",
                "Trials of another executor by `executor: auto`, as they "
                "begin (tried) and end.",
                {{"from", LabelValue(Name(static_cast<ExecutorKind>(from)))},
                 {"to", LabelValue(Name(static_cast<ExecutorKind>(to)))},
                 {"result", std::string(Name(result))}});
      }
    }
  }
}

void MoveMetrics::Count(ExecutorKind from, ExecutorKind to,
                        TrialResult result) {
  counters_.at({from, to, result}).Add();
}

}  // namespace remuda

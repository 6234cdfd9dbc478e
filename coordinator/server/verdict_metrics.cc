#include "coordinator/server/verdict_metrics.h"

#include <string>

namespace remuda {

VerdictMetrics::VerdictMetrics(Metrics& metrics) {
  for (int kind = 0; kind < kExecutorKinds; ++kind) {
    for (int code = 0; code < kVerdictCodes; ++code) {
      const auto executor = static_cast<ExecutorKind>(kind);
      const auto verdict = static_cast<VerdictCode>(code);
      counters_[{executor, verdict}] = metrics.AddCounter(
          "remuda_job_verdicts_total",
          "Verdicts on the executors of jobs that have ended.",
          {{"executor", LabelValue(Name(executor))},
           {"verdict", std::string(Name(verdict))}});
    }
  }
}

void VerdictMetrics::Count(ExecutorKind executor, VerdictCode code) {
  counters_.at({executor, code}).Add();
}

}  // namespace remuda

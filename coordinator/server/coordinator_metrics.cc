#include "coordinator/server/coordinator_metrics.h"

namespace remuda {

void CoordinatorMetrics::OnFrameIn(std::string_view) { ++frames_; }
void CoordinatorMetrics::OnFrameOut(std::string_view) { ++frames_; }
void CoordinatorMetrics::OnMalformed(std::string_view) {}
void CoordinatorMetrics::OnInvalidSubmission() {}
void CoordinatorMetrics::OnDispatch(Duration) {}
void CoordinatorMetrics::OnCommit(const CommitFacts& facts, Duration) {
  rows_ += facts.rows;
  ++commits_;
}

}  // namespace remuda

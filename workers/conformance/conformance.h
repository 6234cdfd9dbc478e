#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "workers/conformance/conversation.h"
#include "workers/conformance/worker_words.h"

namespace remuda {

struct ConformanceOptions {
  std::vector<std::string> argv;
  std::vector<std::string> modes;  // empty: those that its hello offers
  CheckTask task;
  Duration patience = std::chrono::seconds(30);
};

struct ConformanceReport {
  std::vector<JudgedCheck> checks;
  size_t passed = 0;
  size_t failed = 0;
  size_t not_run = 0;
};

// Runs every check of the worker protocol against a worker in any language,
// as `remuda worker-check` does. `judged` is called after each. A worker whose
// greeting or first task fails gets no further checks in that mode.
//
// Errors: of starting processes. That the worker is not as it should be is no
// error, but in the report.
absl::StatusOr<ConformanceReport> RunConformance(
    const ConformanceOptions& options, const Clock& clock,
    const std::function<void(const JudgedCheck&)>& judged);

}  // namespace remuda

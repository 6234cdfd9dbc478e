#include "workers/conformance/conformance.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "workers/conformance/check.h"

namespace remuda {
namespace {

std::vector<Check> AllChecks() {
  std::vector<Check> all;
  for (auto* part :
       {GreetingChecks, TaskChecks, FrameChecks, CellChecks, EndingChecks}) {
    for (Check& check : part()) all.push_back(std::move(check));
  }
  // Without a greeting and a task that ends, the others would all fail alike.
  std::stable_partition(all.begin(), all.end(), [](const Check& check) {
    return check.is_fundamental;
  });
  return all;
}

bool IsFor(const Check& check, const std::string& mode) {
  return check.modes.empty() ||
         std::find(check.modes.begin(), check.modes.end(), mode) !=
             check.modes.end();
}

// The modes that its hello offers; process if it does not get that far.
absl::StatusOr<std::vector<std::string>> OfferedModes(
    const ConversationOptions& options, const Clock& clock) {
  ConversationFaults faults;
  auto talk = Conversation::Start(options, clock, faults);
  if (!talk.ok()) return talk.status();
  std::vector<std::string> modes;
  if (talk->AwaitHello().ok()) {
    for (const std::string mode : {"process", "threads", "loop"}) {
      const auto& offered = talk->hello()->modes;
      if (std::find(offered.begin(), offered.end(), mode) != offered.end()) {
        modes.push_back(mode);
      }
    }
  }
  if (modes.empty()) modes.emplace_back("process");
  return modes;
}

}  // namespace

absl::StatusOr<ConformanceReport> RunConformance(
    const ConformanceOptions& options, const Clock& clock,
    const std::function<void(const JudgedCheck&)>& judged) {
  ConversationOptions talk;
  talk.argv = options.argv;
  talk.task = options.task;
  talk.patience = options.patience;
  talk.mode = "process";
  std::vector<std::string> modes = options.modes;
  if (modes.empty()) {
    auto offered = OfferedModes(talk, clock);
    if (!offered.ok()) return offered.status();
    modes = *std::move(offered);
  }
  ConformanceReport report;
  for (const std::string& mode : modes) {
    ConversationFaults faults;
    talk.mode = mode;
    std::string missing;
    for (const Check& check : AllChecks()) {
      if (!IsFor(check, mode)) continue;
      JudgedCheck result{.mode = mode,
                         .name = check.name,
                         .verdict = "not run",
                         .meaning = check.meaning,
                         .seen = "needs the check " + missing,
                         .rule = check.rule};
      if (missing.empty()) {
        const absl::Status seen =
            check.run({.options = talk, .clock = &clock, .faults = &faults});
        result.seen = std::string(seen.message());
        if (seen.ok()) {
          result.verdict = "passed";
        } else if (!absl::IsUnavailable(seen)) {
          result.verdict = "failed";
          if (check.is_fundamental) missing = check.name;
        }
      }
      ++(result.verdict == "passed"   ? report.passed
         : result.verdict == "failed" ? report.failed
                                      : report.not_run);
      judged(result);
      report.checks.push_back(std::move(result));
    }
  }
  return report;
}

}  // namespace remuda

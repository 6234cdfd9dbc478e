#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/print.h"
#include "workers/conformance/conformance.h"

namespace remuda {
namespace {

constexpr size_t kNameWidth = 15;

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

void PrintCheck(const JudgedCheck& check) {
  std::string line = Padded(check.verdict, 8) + Padded(check.mode, 8) + " " +
                     Padded(check.name, kNameWidth) + check.meaning;
  if (check.verdict == "failed") {
    line += "\n        seen: " + check.seen + "\n        page: " + check.rule;
  } else if (!check.seen.empty()) {
    line += "\n        " + check.seen;
  }
  PrintData(line);
}

}  // namespace

ExitCode WorkerCheckCommand(const WorkerCheckOptions& options) {
  ConformanceOptions wanted;
  wanted.argv = options.argv;
  if (options.mode != "all") wanted.modes = {options.mode};
  if (!options.type.empty()) wanted.task.type = options.type;
  if (!options.parameters.empty()) wanted.task.parameters = options.parameters;
  wanted.patience = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(options.patience_seconds));
  const SystemClock clock;
  const absl::StatusOr<ConformanceReport> report =
      RunConformance(wanted, clock, [&](const JudgedCheck& check) {
        if (options.json) {
          PrintData(JudgedCheckJson(check));
        } else {
          PrintCheck(check);
        }
      });
  if (!report.ok()) return Fail(report.status());
  PrintWords(std::to_string(report->passed) + " passed, " +
             std::to_string(report->failed) + " failed, " +
             std::to_string(report->not_run) + " not run");
  const bool whole = report->failed == 0 && report->passed > 0;
  return whole ? ExitCode::kOk : ExitCode::kJobFailed;
}

}  // namespace remuda

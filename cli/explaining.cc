#include <memory>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/print.h"
#include "cli/verdict_output.h"
#include "wire/reply_json.h"

namespace remuda {
namespace {

// The verdicts on a job, or on all kinds of work.
absl::StatusOr<Verdicts> AskVerdicts(const CommonOptions& options, JobId job) {
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(options, Embedded::Needs::kCoordinator);
  if (!connection.ok()) return connection.status();
  return (*connection)->Ask<Verdicts>(GetVerdicts{.job = job});
}

}  // namespace

ExitCode ExplainCommand(const JobOptions& options) {
  const absl::StatusOr<Verdicts> found =
      AskVerdicts(options.common, JobId{options.jobs.front()});
  if (!found.ok()) return Fail(found.status());
  if (options.common.json) {
    PrintData(VerdictsJson(*found));
    return ExitCode::kOk;
  }
  for (const std::string& verdict : found->verdicts) {
    PrintData(VerdictPage(verdict));
  }
  return ExitCode::kOk;
}

ExitCode AdviseCommand(const CommonOptions& options) {
  const absl::StatusOr<Verdicts> found = AskVerdicts(options, JobId{});
  if (!found.ok()) return Fail(found.status());
  if (options.json) {
    PrintData(VerdictsJson(*found));
    return ExitCode::kOk;
  }
  if (found->verdicts.empty()) {
    PrintWords("nothing has run yet, so there is nothing to say");
  }
  for (const std::string& verdict : found->verdicts) {
    PrintData(VerdictLines(verdict));
  }
  return ExitCode::kOk;
}

}  // namespace remuda

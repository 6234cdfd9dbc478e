#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

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

ExitCode WriteLock(const std::string& path,
                   const std::vector<std::string>& verdicts) {
  const std::vector<LockEntry> entries = LearnedEntries(verdicts);
  const std::string text = LockText(entries);
  if (path == "-") {
    PrintData(text.substr(0, text.size() - 1));
    return ExitCode::kOk;
  }
  std::ofstream out(path, std::ios::trunc);
  out << text;
  out.close();
  if (!out) {
    return Fail(absl::UnavailableError(
        path + ": cannot write it: " + std::strerror(errno)));
  }
  PrintWords(path + " pins " + std::to_string(entries.size()) +
             (entries.size() == 1 ? " kind of work" : " kinds of work"));
  return ExitCode::kOk;
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

ExitCode AdviseCommand(const AdviseOptions& options) {
  const absl::StatusOr<Verdicts> found = AskVerdicts(options.common, JobId{});
  if (!found.ok()) return Fail(found.status());
  if (!options.lock.empty()) return WriteLock(options.lock, found->verdicts);
  if (options.common.json) {
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

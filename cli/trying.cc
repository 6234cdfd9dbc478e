#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "cli/progress_printer.h"
#include "cli/source_look.h"
#include "cli/spec_file.h"
#include "cli/trial.h"
#include "cli/trial_plot.h"
#include "cli/words.h"
#include "wire/reply_json.h"

namespace remuda {
namespace {

// The one job of the file.
absl::StatusOr<ResolvedJob> ReadJob(const std::string& file) {
  SpecFile spec = ReadSpecFile(file);
  for (const std::string& error : spec.errors) PrintWords(error);
  if (!spec.errors.empty()) {
    return absl::InvalidArgumentError("the spec is not right");
  }
  if (spec.jobs.size() != 1) {
    return absl::InvalidArgumentError(
        "try takes a spec of one job; this one has " +
        std::to_string(spec.jobs.size()));
  }
  LookAtSources(spec.jobs);
  return std::move(spec.jobs.front());
}

// Runs it to its end; an interrupt cancels it and is an error.
absl::StatusOr<JobSummary> RunSample(Connection& connection,
                                     const ResolvedJob& sample, bool quiet) {
  const absl::StatusOr<Accepted> accepted =
      connection.SubmitJobs(RandomHex(16), {sample});
  if (!accepted.ok()) return accepted.status();
  JobSummary job = accepted->jobs.at(0);
  const SystemClock clock;
  ProgressPrinter progress(
      quiet ? ProgressPrinter::Style::kNone : ProgressPrinter::StyleForStderr(),
      clock);
  const absl::Status watched =
      connection.Watch({job.id}, std::nullopt, [&](const auto& jobs) {
        job = jobs.at(0);
        progress.Update(jobs);
      });
  progress.Finish();
  if (absl::IsCancelled(watched) && Interrupt::requested()) {
    const absl::Status ready = connection.IgnoreInterrupt();
    if (!ready.ok()) return ready;
    const absl::StatusOr<CancelReply> reply = connection.Ask<CancelReply>(
        CancelJob{.job = job.id, .reason = "interrupted"});
    if (!reply.ok()) return reply.status();
  }
  if (!watched.ok()) return watched;
  return job;
}

// What the coordinator makes of it. Of agents of several sizes, the first.
std::string VerdictOn(Connection& connection, JobId job) {
  const absl::StatusOr<Verdicts> found =
      connection.Ask<Verdicts>(GetVerdicts{.job = job});
  if (!found.ok() || found->verdicts.empty()) return "";
  return found->verdicts.front();
}

TrialRow RowOf(const JobSummary& job) {
  TrialRow row = {.executor = job.executor, .job = job.id.value};
  row.succeeded = job.tasks[static_cast<size_t>(TaskState::kSucceeded)];
  row.others = job.total - row.succeeded;
  row.took = RunningTime(job, SystemClock().WallNow());
  return row;
}

}  // namespace

ExitCode TryCommand(const TryOptions& options) {
  const absl::StatusOr<ResolvedJob> job = ReadJob(options.file);
  if (!job.ok()) return Fail(job.status());
  const absl::StatusOr<std::vector<ExecutorKind>> executors =
      TrialExecutors(job->job, options.executors);
  if (!executors.ok()) return Fail(executors.status());
  const absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(options.common, Embedded::Needs::kAgent);
  if (!connection.ok()) return Fail(connection.status());
  std::ofstream plot;
  if (!options.plot.empty()) {
    plot.open(options.plot);
    if (!plot) {  // before anything has run for it
      return Fail(absl::InvalidArgumentError("cannot write " + options.plot +
                                             ": " + std::strerror(errno)));
    }
  }
  std::vector<TrialRow> rows;
  std::string first_verdict;
  bool all_succeeded = true;
  for (const ExecutorKind executor : *executors) {
    const ResolvedJob sample = SampleOn(executor, *job, options.sample);
    PrintWords(CountText(TaskCount(sample.job.tasks)) + " of " +
               CountText(TaskCount(job->job.tasks)) + " tasks on " +
               std::string(Name(executor)));
    const absl::StatusOr<JobSummary> ended =
        RunSample(**connection, sample, options.quiet);
    if (!ended.ok()) {
      return Interrupt::requested() ? ExitCode::kInterrupted
                                    : Fail(ended.status());
    }
    all_succeeded = all_succeeded && ended->state == JobState::kSucceeded;
    TrialRow row = RowOf(*ended);
    const std::string verdict = VerdictOn(**connection, ended->id);
    AddMeasures(verdict, row);
    if (rows.empty()) {
      first_verdict = verdict;
    } else {
      row.predicted = PredictedFor(executor, first_verdict);
    }
    rows.push_back(std::move(row));
  }
  if (plot.is_open() && !(plot << TrialSvg(job->job.name, rows)).flush()) {
    return Fail(absl::UnavailableError("cannot write " + options.plot + ": " +
                                       std::strerror(errno)));
  }
  PrintData(options.common.json ? TrialJson(rows) : TrialTable(rows));
  return all_succeeded ? ExitCode::kOk : ExitCode::kJobFailed;
}

}  // namespace remuda

#include <algorithm>
#include <cstdio>
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
#include "cli/job_output.h"
#include "cli/plan.h"
#include "cli/print.h"
#include "cli/progress_printer.h"
#include "cli/source_look.h"
#include "cli/spec_file.h"
#include "cli/type_pages.h"
#include "cli/verdict_output.h"
#include "cli/waiting.h"
#include "cli/words.h"
#include "jobs/job_type.h"
#include "jobs/spec.h"
#include "jobs/states.h"
#include "wire/reply_json.h"

namespace remuda {
namespace {

constexpr size_t kErrorGroupsShown = 5;
// A summary looks at this many failed tasks; beyond it names the command.
constexpr uint64_t kFailuresLookedAt = 10'000;

// The jobs of a file, or nothing after its errors were printed.
std::vector<ResolvedJob> ReadOrComplain(const std::string& file) {
  SpecFile spec = ReadSpecFile(file);
  for (const std::string& error : spec.errors) PrintWords(error);
  return std::move(spec.jobs);
}

// Only `auto` and what needs an async def depend on it.
bool DependsOnForm(const Job& job) {
  const std::optional<ExecutorKind> asked =
      job.executor.exactly ? job.executor.exactly : job.executor.require;
  return job.type == "python" && asked != ExecutorKind::kProcessPool &&
         asked != ExecutorKind::kThreadPool;
}

// Before submitting: the forms are written into the jobs, and what was seen
// to be wrong is told.
void LookBeforeSubmitting(std::vector<ResolvedJob>& jobs) {
  const bool depends = std::any_of(
      jobs.begin(), jobs.end(),
      [](const ResolvedJob& one) { return DependsOnForm(one.job); });
  if (!depends) return;
  for (const SourceLook& look : LookAtSources(jobs)) {
    if (!look.findings.empty()) PrintWords(LookText(look));
  }
}

std::vector<JobId> Ids(const std::vector<JobSummary>& jobs) {
  std::vector<JobId> ids;
  for (const JobSummary& job : jobs) ids.push_back(job.id);
  return ids;
}

void PrintFailures(Connection& connection, const JobSummary& job) {
  if (BadTasks(job) == 0) return;
  FailureDigest digest;
  GetResults request{.job = job.id, .only_not_succeeded = true};
  for (uint64_t looked = 0; looked < kFailuresLookedAt;) {
    absl::StatusOr<ResultPage> page = connection.Ask<ResultPage>(request);
    if (!page.ok()) return PrintError(page.status());
    for (const TaskRow& task : page->tasks) digest.Add(task);
    looked += page->tasks.size();
    if (page->end) break;
    request.first = page->next;
  }
  PrintWords(digest.Text(kErrorGroupsShown) + "  all of them: remuda results " +
             std::to_string(job.id.value) + " --failed");
}

// Follows the jobs to their end; Ctrl-C cancels them and goes on watching.
absl::StatusOr<std::vector<JobSummary>> Follow(Connection& connection,
                                               const std::vector<JobId>& ids,
                                               ProgressPrinter& progress) {
  std::vector<JobSummary> latest;
  const auto update = [&](const std::vector<JobSummary>& jobs) {
    latest = jobs;
    progress.Update(jobs);
  };
  absl::Status watched = connection.Watch(ids, std::nullopt, update);
  progress.Finish();
  if (absl::IsCancelled(watched) && Interrupt::requested()) {
    PrintWords("cancelling; Ctrl-C again leaves at once");
    absl::Status ready = connection.IgnoreInterrupt();
    if (!ready.ok()) return ready;
    for (const JobId id : ids) {
      absl::StatusOr<CancelReply> reply = connection.Ask<CancelReply>(
          CancelJob{.job = id, .reason = "interrupted"});
      if (!reply.ok()) return reply.status();
    }
    watched = connection.Watch(ids, std::nullopt, update);
  }
  if (!watched.ok()) return watched;
  return latest;
}

// Says so if the job should have run otherwise. A coordinator that does not
// know, or is busy, is no reason for words.
void PrintVerdict(Connection& connection, const JobSummary& job) {
  absl::StatusOr<Verdicts> found =
      connection.Ask<Verdicts>(GetVerdicts{.job = job.id});
  if (!found.ok()) return;
  for (const std::string& verdict : found->verdicts) {
    const std::string text = VerdictToMention(verdict);
    if (!text.empty()) PrintWords(text);
  }
}

ExitCode SumUp(Connection& connection, const std::vector<JobSummary>& jobs,
               bool json) {
  const WallTime now = SystemClock().WallNow();
  bool all_succeeded = true;
  for (const JobSummary& job : jobs) {
    all_succeeded = all_succeeded && job.state == JobState::kSucceeded;
    PrintWords(JobVerdict(job, now));
    const std::string notes = FindingNotes(job);
    if (!notes.empty()) PrintWords(notes);
    PrintFailures(connection, job);
    PrintVerdict(connection, job);
  }
  if (json) PrintData(JobsJson(jobs, now));
  if (Interrupt::requested()) return ExitCode::kInterrupted;
  return all_succeeded ? ExitCode::kOk : ExitCode::kJobFailed;
}

// Jobs of other processes that came to rely on this one's coordinator, and
// what an earlier run left unfinished.
absl::StatusOr<std::vector<JobId>> Unfinished(Connection& connection) {
  constexpr uint32_t kLookedAt = 1'000;
  absl::StatusOr<JobSummaries> jobs =
      connection.Ask<JobSummaries>(GetJobs{.ids = {}, .limit = kLookedAt});
  if (!jobs.ok()) return jobs.status();
  std::vector<JobId> ids;
  for (const JobSummary& job : jobs->jobs) {
    if (!IsTerminal(job.state)) ids.push_back(job.id);
  }
  return ids;
}

void ServeOthers(Connection& connection) {
  while (connection.hosts()) {
    absl::StatusOr<std::vector<JobId>> others = Unfinished(connection);
    if (!others.ok()) return PrintError(others.status());
    if (others->empty()) return;
    PrintWords("still running " +
               (others->size() == 1 ? "another job"
                                    : CountText(others->size()) + " jobs") +
               " of this folder; Ctrl-C stops that until the next "
               "`remuda run`");
    const absl::Status done = connection.Watch(
        *others, std::nullopt, [](const std::vector<JobSummary>&) {});
    if (absl::IsCancelled(done)) return;
    if (!done.ok()) return PrintError(done);
  }
}

}  // namespace

ExitCode RunCommand(const RunOptions& options) {
  std::vector<ResolvedJob> jobs = ReadOrComplain(options.file);
  if (jobs.empty()) return ExitCode::kUsage;
  LookBeforeSubmitting(jobs);
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(options.common, Embedded::Needs::kAgent);
  if (!connection.ok()) return Fail(connection.status());
  absl::StatusOr<Accepted> accepted =
      (*connection)->SubmitJobs(RandomHex(16), jobs);
  if (!accepted.ok()) return Fail(accepted.status());
  for (const JobSummary& job : accepted->jobs) {
    PrintWords(ExecutorLine(job));
  }
  if (!options.common.coordinator.empty()) {
    for (const JobSummary& job : accepted->jobs) {
      const std::string reason = AskWhyWaiting(**connection, job);
      if (!reason.empty()) PrintWords(job.name + " waits: " + reason);
    }
  }
  const SystemClock clock;
  ProgressPrinter progress(options.quiet ? ProgressPrinter::Style::kNone
                                         : ProgressPrinter::StyleForStderr(),
                           clock);
  absl::StatusOr<std::vector<JobSummary>> ended =
      Follow(**connection, Ids(accepted->jobs), progress);
  if (!ended.ok()) return Fail(ended.status());
  const ExitCode code = SumUp(**connection, *ended, options.common.json);
  if (code != ExitCode::kInterrupted) ServeOthers(**connection);
  return code;
}

ExitCode SubmitCommand(const SubmitOptions& options) {
  std::vector<ResolvedJob> jobs = ReadOrComplain(options.file);
  if (jobs.empty()) return ExitCode::kUsage;
  if (options.common.coordinator.empty()) {
    return Fail(absl::InvalidArgumentError(
        "submit leaves the work to a coordinator: name it with --coordinator "
        "or REMUDA_COORDINATOR, or use `remuda run`, which brings its own"));
  }
  LookBeforeSubmitting(jobs);
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(options.common, Embedded::Needs::kCoordinator);
  if (!connection.ok()) return Fail(connection.status());
  absl::StatusOr<Accepted> accepted =
      (*connection)
          ->SubmitJobs(options.submission_key.empty() ? RandomHex(16)
                                                      : options.submission_key,
                       jobs);
  if (!accepted.ok()) return Fail(accepted.status());
  if (options.common.json) {
    PrintData(JobsJson(accepted->jobs, SystemClock().WallNow()));
    return ExitCode::kOk;
  }
  for (const JobSummary& job : accepted->jobs) {
    PrintData(std::to_string(job.id.value));
    PrintWords((accepted->existed ? "was accepted before: job " : "job ") +
               std::to_string(job.id.value) + ": " + job.name);
  }
  return ExitCode::kOk;
}

ExitCode PlanCommand(const SubmitOptions& options) {
  std::vector<ResolvedJob> jobs = ReadOrComplain(options.file);
  if (jobs.empty()) return ExitCode::kUsage;
  const std::vector<SourceLook> looks = LookAtSources(jobs);
  absl::StatusOr<std::vector<JobPlan>> plans = PlanJobs(jobs, looks);
  if (!plans.ok()) return Fail(plans.status());
  PrintData(options.common.json ? PlanJson(*plans) : PlanText(*plans));
  return ExitCode::kOk;
}

ExitCode TypesCommand(const TypesOptions& options) {
  if (options.type.empty()) {
    PrintData(options.json ? TypesJson(ShippedJobTypes())
                           : TypesTable(ShippedJobTypes()));
    return ExitCode::kOk;
  }
  const JobType* type = FindJobType(options.type);
  if (type == nullptr) {
    return Fail(absl::NotFoundError("there is no job type '" + options.type +
                                    "'; `remuda types` lists them"));
  }
  PrintData(options.json ? TypesJson({*type}) : TypePage(*type));
  return ExitCode::kOk;
}

ExitCode SchemaCommand() {
  PrintData(SpecSchemaJson());
  return ExitCode::kOk;
}

}  // namespace remuda

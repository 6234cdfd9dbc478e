#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/job_output.h"
#include "cli/print.h"
#include "cli/version.h"
#include "cli/waiting.h"
#include "wire/messages.h"
#include "wire/reply_json.h"

namespace remuda {
namespace {

absl::StatusOr<std::unique_ptr<Connection>> Open(
    const CommonOptions& options,
    Embedded::Needs needs = Embedded::Needs::kCoordinator) {
  return Connection::Open(options, needs);
}

std::vector<JobId> Ids(const std::vector<uint64_t>& numbers) {
  std::vector<JobId> ids;
  for (const uint64_t number : numbers) ids.push_back(JobId{number});
  return ids;
}

// The jobs asked for, all of them or an error.
absl::StatusOr<std::vector<JobSummary>> Summaries(Connection& connection,
                                                  const std::vector<JobId>& ids,
                                                  uint32_t limit) {
  absl::StatusOr<JobSummaries> found = connection.Ask<JobSummaries>(GetJobs{
      .ids = ids, .limit = std::max(limit, static_cast<uint32_t>(ids.size()))});
  if (!found.ok()) return found.status();
  for (const JobId id : ids) {
    const bool there =
        std::any_of(found->jobs.begin(), found->jobs.end(),
                    [id](const JobSummary& job) { return job.id == id; });
    if (!there) {
      return absl::NotFoundError("there is no job " + std::to_string(id.value) +
                                 "; `remuda jobs` lists them");
    }
  }
  return std::move(found->jobs);
}

ExitCode PrintJobs(const JobOptions& options, bool as_pages) {
  absl::StatusOr<std::unique_ptr<Connection>> connection = Open(options.common);
  if (!connection.ok()) return Fail(connection.status());
  absl::StatusOr<std::vector<JobSummary>> jobs =
      Summaries(**connection, Ids(options.jobs), options.limit);
  if (!jobs.ok()) return Fail(jobs.status());
  if (as_pages) {
    for (JobSummary& job : *jobs) {
      if (job.reason.empty()) job.reason = AskWhyWaiting(**connection, job);
    }
  }
  const WallTime now = SystemClock().WallNow();
  if (options.common.json) {
    PrintData(JobsJson(*jobs, now));
  } else if (!as_pages) {
    PrintData(JobsTable(*jobs, now));
  } else {
    for (const JobSummary& job : *jobs) PrintData(JobPage(job, now));
  }
  return ExitCode::kOk;
}

// Above the results: of what job, and on which executor it ran and why.
void PrintHeader(Connection& connection, uint64_t id) {
  absl::StatusOr<JobSummaries> found =
      connection.Ask<JobSummaries>(GetJobs{.ids = {JobId{id}}, .limit = 1});
  if (!found.ok() || found->jobs.empty()) return;
  PrintWords(ExecutorLine(found->jobs.front()));
}

void PrintTask(const TasksOptions& options, const TaskRow& task) {
  PrintData(options.common.json ? TaskJson(task) : TaskLine(task));
}

}  // namespace

ExitCode JobsCommand(const JobOptions& options) {
  return PrintJobs(options, false);
}

ExitCode JobCommand(const JobOptions& options) {
  return PrintJobs(options, true);
}

ExitCode WaitCommand(const WaitOptions& options) {
  // With the embedded default, a job that was left behind goes on here.
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Open(options.common, Embedded::Needs::kAgent);
  if (!connection.ok()) return Fail(connection.status());
  const std::vector<JobId> ids = Ids(options.jobs);
  absl::StatusOr<std::vector<JobSummary>> jobs =
      Summaries(**connection, ids, 0);
  if (!jobs.ok()) return Fail(jobs.status());
  const absl::Status watched =
      (*connection)->Watch(ids, options.timeout, [&](const auto& changed) {
        *jobs = changed;
      });
  const WallTime now = SystemClock().WallNow();
  if (options.common.json) PrintData(JobsJson(*jobs, now));
  if (!watched.ok()) return Fail(watched);
  bool all_succeeded = true;
  for (const JobSummary& job : *jobs) {
    all_succeeded = all_succeeded && job.state == JobState::kSucceeded;
    PrintWords(JobVerdict(job, now));
  }
  return all_succeeded ? ExitCode::kOk : ExitCode::kJobFailed;
}

ExitCode CancelCommand(const CancelOptions& options) {
  absl::StatusOr<std::unique_ptr<Connection>> connection = Open(options.common);
  if (!connection.ok()) return Fail(connection.status());
  absl::StatusOr<CancelReply> reply =
      (*connection)
          ->Ask<CancelReply>(
              CancelJob{.job = JobId{options.job}, .reason = options.reason});
  if (!reply.ok()) return Fail(reply.status());
  const WallTime now = SystemClock().WallNow();
  if (options.common.json) PrintData(JobsJson({reply->job}, now));
  if (reply->result == CancelReply::Result::kTooLate) {
    PrintWords("too late, it has ended: " + JobVerdict(reply->job, now));
    return reply->job.state == JobState::kCancelled ? ExitCode::kOk
                                                    : ExitCode::kJobFailed;
  }
  PrintWords("cancelled job " + std::to_string(options.job));
  return ExitCode::kOk;
}

ExitCode TasksCommand(const TasksOptions& options) {
  absl::StatusOr<std::unique_ptr<Connection>> connection = Open(options.common);
  if (!connection.ok()) return Fail(connection.status());
  if (options.outputs && !options.task) PrintHeader(**connection, options.job);
  GetResults request{.job = JobId{options.job},
                     .first = options.task.value_or(0),
                     .limit = options.task ? 1u : 4096u,
                     .only_not_succeeded = options.only_failed,
                     .with_records = true};
  while (true) {
    absl::StatusOr<ResultPage> page = (*connection)->Ask<ResultPage>(request);
    if (!page.ok()) return Fail(page.status());
    for (TaskRow& task : page->tasks) {
      if (options.task && task.index != *options.task) continue;
      if (!options.outputs) task.output.clear();
      PrintTask(options, task);
      if (options.task) return ExitCode::kOk;
    }
    if (options.task) {
      return Fail(absl::NotFoundError("job " + std::to_string(options.job) +
                                      " has no task " +
                                      std::to_string(*options.task)));
    }
    if (page->end) return ExitCode::kOk;
    request.first = page->next;
  }
}

ExitCode AgentsCommand(const CommonOptions& options) {
  if (options.coordinator.empty()) {
    return Fail(absl::InvalidArgumentError(
        "agents belong to a coordinator: name it with --coordinator or "
        "REMUDA_COORDINATOR"));
  }
  absl::StatusOr<std::unique_ptr<Connection>> connection = Open(options);
  if (!connection.ok()) return Fail(connection.status());
  absl::StatusOr<AgentSummaries> found =
      (*connection)->Ask<AgentSummaries>(GetAgents{});
  if (!found.ok()) return Fail(found.status());
  PrintData(options.json ? AgentsJson(found->agents)
                         : AgentsTable(found->agents));
  return ExitCode::kOk;
}

ExitCode VersionCommand(const CommonOptions& options) {
  PrintData(options.json
                ? std::string("{\"version\":\"") + kRemudaVersion +
                      "\",\"protocol\":" + std::to_string(kProtocolMax) + "}"
                : std::string("remuda ") + kRemudaVersion + ", protocol " +
                      std::to_string(kProtocolMax));
  return ExitCode::kOk;
}

}  // namespace remuda

#include "coordinator/store/stored_rows.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "coordinator/store/finding_text.h"
#include "coordinator/store/history.h"
#include "jobs/job_json.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

// The places of the columns in SelectJobSql().
enum Column : int {
  kJob,
  kKey,
  kDocument,
  kDigest,
  kTasks,
  kExecutor,
  kExecutorReason,
  kItemBytesMax,
  kAcceptedAt,
  kName,
  kType,
  kState,
  kCancelRequested,
  kFirstCount,
  kAttempts = kFirstCount + kTaskStates,
  kLosses,
  kStartedAt,
  kFinishedAt,
  kReason,
  kBody,
  kOwner,
  kFindings,
  kMoves,
};

std::optional<WallTime> OptionalTime(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return FromNanoseconds(row.Int(column));
}

// Most jobs ask for one, and need not be parsed.
uint32_t SlotsIn(const std::string& body) {
  if (body.find("\"resources\"") == std::string::npos) return 1;
  const std::string resources =
      JsonMember(body, "resources").value_or(std::string());
  const std::string cpu = JsonMember(resources, "cpu").value_or("1");
  uint32_t slots = 1;
  std::from_chars(cpu.data(), cpu.data() + cpu.size(), slots);
  return std::max(slots, 1u);
}

}  // namespace

std::string SelectJobSql(FindingRows findings) {
  const std::string list =
      findings == FindingRows::kNone
          ? "NULL"
          : "(SELECT group_concat(body) FROM (SELECT f.body FROM findings f "
            "WHERE f.job = d.job ORDER BY f.place))";
  return "SELECT d.job, d.key, d.document, d.digest, d.tasks, "
         "COALESCE(j.executor, d.executor), "
         "COALESCE(j.executor_reason, d.executor_reason), d.item_bytes_max, "
         "d.accepted_at, d.name, d.type, "
         "j.state, j.cancel_requested, j.pending, j.running, j.succeeded, "
         "j.failed, j.timed_out, j.cancelled, j.lost, j.skipped, j.attempts, "
         "j.infrastructure_losses, j.started_at, j.finished_at, j.reason, "
         "d.body, d.owner, " +
         list + ", j.moves FROM jobs j JOIN definitions d ON d.job = j.job ";
}

absl::StatusOr<JobSummary> ReadJobSummary(const Statement& row) {
  JobSummary summary;
  summary.id = {row.Unsigned(kJob)};
  const uint64_t state = row.Unsigned(kState);
  const uint64_t executor = row.Unsigned(kExecutor);
  if (state > static_cast<uint64_t>(JobState::kCancelled) ||
      executor >= static_cast<uint64_t>(kExecutorKinds)) {
    return absl::DataLossError("job " + std::to_string(summary.id.value) +
                               " has a state or executor that does not exist");
  }
  summary.name = row.Text(kName);
  summary.type = row.Text(kType);
  summary.state = static_cast<JobState>(state);
  summary.executor = static_cast<ExecutorKind>(executor);
  summary.executor_reason = row.Text(kExecutorReason);
  summary.total = row.Unsigned(kTasks);
  if (summary.executor == ExecutorKind::kProcessPool) {
    summary.slots_each = SlotsIn(row.Text(kBody));
  }
  for (int i = 0; i < kTaskStates; ++i) {
    summary.tasks[static_cast<size_t>(i)] = row.Unsigned(kFirstCount + i);
  }
  summary.attempts = row.Unsigned(kAttempts);
  summary.infrastructure_losses = row.Unsigned(kLosses);
  summary.accepted_at = FromNanoseconds(row.Int(kAcceptedAt));
  summary.started_at = OptionalTime(row, kStartedAt);
  summary.finished_at = OptionalTime(row, kFinishedAt);
  summary.reason = row.Text(kReason);
  summary.owner = row.Text(kOwner);
  if (!row.IsNull(kFindings)) {
    absl::StatusOr<std::vector<JobFinding>> findings =
        FindingsFromJson(row.Text(kFindings));
    if (!findings.ok()) return findings.status();
    summary.findings = *std::move(findings);
  }
  return summary;
}

absl::StatusOr<StoredJob> ReadStoredJob(const Statement& row) {
  absl::StatusOr<JobSummary> summary = ReadJobSummary(row);
  if (!summary.ok()) return summary.status();
  auto job_json = std::make_shared<const std::string>(row.Text(kBody));
  absl::StatusOr<Job> job = JobFromJson(*job_json);
  if (!job.ok()) {
    return absl::DataLossError("job " + std::to_string(summary->id.value) +
                               " cannot be read: " + job.status().ToString());
  }
  StoredJob stored;
  stored.accepted = {.id = summary->id,
                     .key = row.Text(kKey),
                     .owner = summary->owner,
                     .document = static_cast<uint32_t>(row.Unsigned(kDocument)),
                     .digest = row.Text(kDigest),
                     .job = std::make_shared<const Job>(*std::move(job)),
                     .job_json = std::move(job_json),
                     .tasks = summary->total,
                     .item_bytes_max = row.Unsigned(kItemBytesMax),
                     .executor = summary->executor,
                     .executor_reason = summary->executor_reason,
                     .at = summary->accepted_at};
  stored.cancel_requested = row.Int(kCancelRequested) != 0;
  stored.moves = static_cast<uint32_t>(row.Unsigned(kMoves));
  stored.summary = *std::move(summary);
  return stored;
}

}  // namespace remuda

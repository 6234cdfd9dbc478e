#include "coordinator/store/reader.h"

#include <algorithm>
#include <vector>

#include "coordinator/store/stored_rows.h"

namespace remuda {

absl::StatusOr<StoreReader> StoreReader::Open(
    const std::string& database_path) {
  absl::StatusOr<Database> database =
      Database::Open(database_path, Database::Mode::kReadOnly);
  if (!database.ok()) return database.status();
  const absl::Status status = database->Execute(
      "PRAGMA busy_timeout = 5000; PRAGMA wal_autocheckpoint = 0; "
      "PRAGMA query_only = 1; PRAGMA mmap_size = 0;");
  if (!status.ok()) return status;
  return StoreReader(*std::move(database));
}

absl::StatusOr<Statement*> StoreReader::Prepared(const std::string& sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) {
    known->second.Reset();
    return &known->second;
  }
  absl::StatusOr<Statement> statement = database_.Prepare(sql);
  if (!statement.ok()) return statement.status();
  return &statements_.emplace(sql, *std::move(statement)).first->second;
}

absl::StatusOr<std::optional<JobSummary>> StoreReader::FindJob(JobId job) {
  const absl::StatusOr<Statement*> select =
      Prepared(SelectJobSql() + "WHERE j.job = ?");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, job.value);
  const absl::StatusOr<bool> row = (*select)->Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::optional<JobSummary>();
  absl::StatusOr<JobSummary> summary = ReadJobSummary(**select);
  (*select)->Reset();
  if (!summary.ok()) return summary.status();
  return std::optional<JobSummary>(*std::move(summary));
}

absl::Status StoreReader::CheckOwner(JobId job, const Owner& owner) {
  if (!owner.has_value()) return absl::OkStatus();
  absl::StatusOr<std::optional<JobSummary>> found = FindJob(job);
  if (!found.ok()) return found.status();
  if (found->has_value() && (*found)->owner == *owner) return absl::OkStatus();
  return absl::NotFoundError("there is no job " + std::to_string(job.value));
}

absl::StatusOr<JobSummaries> StoreReader::Jobs(const GetJobs& request,
                                               const Owner& owner) {
  JobSummaries reply;
  if (!request.ids.empty()) {
    for (const JobId id : request.ids) {
      absl::StatusOr<std::optional<JobSummary>> job = FindJob(id);
      if (!job.ok()) return job.status();
      if (!job->has_value() || (owner && (*job)->owner != *owner)) {
        return absl::NotFoundError("there is no job " +
                                   std::to_string(id.value));
      }
      reply.jobs.push_back(*std::move(*job));
      if (reply.jobs.size() >= kJobsMax) break;
    }
    return reply;
  }
  const absl::StatusOr<Statement*> select =
      Prepared(SelectJobSql(FindingRows::kNone) +
               (owner ? "WHERE d.owner = ? AND d.owner <> '' " : "") +
               "ORDER BY j.job DESC LIMIT ?");
  if (!select.ok()) return select.status();
  if (owner) (*select)->BindText(0, *owner);
  (*select)->BindUnsigned(owner ? 1 : 0,
                          std::min<uint64_t>(request.limit, kJobsMax));
  absl::StatusOr<bool> row = (*select)->Step();
  for (; row.ok() && *row; row = (*select)->Step()) {
    absl::StatusOr<JobSummary> summary = ReadJobSummary(**select);
    if (!summary.ok()) return summary.status();
    reply.jobs.push_back(*std::move(summary));
  }
  if (!row.ok()) return row.status();
  return reply;
}

absl::StatusOr<std::optional<StoredSubmission>> StoreReader::FindSubmission(
    const std::string& key) {
  const absl::StatusOr<Statement*> select = Prepared(
      SelectJobSql() +
      "WHERE j.job IN (SELECT d2.job FROM submissions s JOIN definitions d2 "
      "ON d2.job BETWEEN s.first_job AND s.first_job + s.jobs - 1 "
      "WHERE s.key = ?) ORDER BY d.document");
  if (!select.ok()) return select.status();
  (*select)->BindText(0, key);
  StoredSubmission submission;
  absl::StatusOr<bool> row = (*select)->Step();
  for (; row.ok() && *row; row = (*select)->Step()) {
    absl::StatusOr<StoredJob> job = ReadStoredJob(**select);
    if (!job.ok()) return job.status();
    submission.digests.push_back(job->accepted.digest);
    submission.jobs.push_back(std::move(job->summary));
  }
  if (!row.ok()) return row.status();
  if (submission.jobs.empty()) return std::optional<StoredSubmission>();
  return std::optional<StoredSubmission>(std::move(submission));
}

absl::StatusOr<std::vector<std::string>> StoreReader::SubmissionKeys(
    const std::string& after, uint64_t count_max) {
  const absl::StatusOr<Statement*> select = Prepared(
      "SELECT key FROM submissions WHERE key > ? ORDER BY key LIMIT ?");
  if (!select.ok()) return select.status();
  (*select)->BindText(0, after);
  (*select)->BindUnsigned(1, count_max);
  std::vector<std::string> keys;
  absl::StatusOr<bool> row = (*select)->Step();
  for (; row.ok() && *row; row = (*select)->Step()) {
    keys.push_back((*select)->Text(0));
  }
  if (!row.ok()) return row.status();
  return keys;
}

absl::StatusOr<std::vector<HistoryRow>> StoreReader::History(
    uint64_t after, uint64_t count_max) {
  const absl::StatusOr<Statement*> select = Prepared(
      "SELECT e.at, e.kind, e.job, e.body, d.body FROM events e "
      "LEFT JOIN definitions d ON e.kind = 'job_accepted' AND d.job = e.job "
      "WHERE e.seq > ? ORDER BY e.seq LIMIT ?");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, after);
  (*select)->BindUnsigned(1, count_max);
  std::vector<HistoryRow> rows;
  absl::StatusOr<bool> row = (*select)->Step();
  for (; row.ok() && *row; row = (*select)->Step()) {
    rows.push_back({.at = FromNanoseconds((*select)->Int(0)),
                    .kind = (*select)->Text(1),
                    .job = {(*select)->Unsigned(2)},
                    .body = (*select)->Text(3)});
    if ((*select)->IsNull(4)) continue;
    rows.back().definition =
        std::make_shared<const std::string>((*select)->Text(4));
  }
  if (!row.ok()) return row.status();
  return rows;
}

}  // namespace remuda

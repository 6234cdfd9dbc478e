// The part of StoreReader that reads what attempts used.

#include <string>
#include <utility>

#include "coordinator/store/reader.h"
#include "jobs/json_text.h"
#include "jobs/verdict/evidence_json.h"
#include "jobs/verdict/work_name.h"

namespace remuda {
namespace {

constexpr uint64_t kKindsMax = 1'000;

// Both kinds of rows in the order of StoredEvidence.
constexpr char kOfKinds[] =
    "SELECT 0, e.function, e.executor, e.cores, d.job, "
    "IIF(j.executor = e.executor, j.executor_reason, d.executor_reason), "
    "d.body, d.tasks, e.body, d.owner FROM evidence e "
    "JOIN definitions d ON d.job = e.last_job JOIN jobs j ON j.job = d.job ";
constexpr char kOfJob[] =
    "SELECT 1, '', e.executor, e.cores, d.job, "
    "COALESCE(j.executor_reason, d.executor_reason), d.body, d.tasks, e.body, "
    "d.owner FROM job_evidence e JOIN definitions d ON d.job = e.job "
    "JOIN jobs j ON j.job = e.job WHERE e.job = ? AND "
    "e.executor = COALESCE(j.executor, d.executor) ORDER BY e.cores";

absl::StatusOr<std::vector<StoredEvidence>> ReadAll(Statement& select) {
  std::vector<StoredEvidence> all;
  absl::StatusOr<bool> row = select.Step();
  for (; row.ok() && *row; row = select.Step()) {
    absl::StatusOr<Evidence> evidence = EvidenceFromJson(select.Text(8));
    // Of a kind that cannot be read nothing is known.
    if (!evidence.ok()) continue;
    all.push_back({.of_job = select.Int(0) == 1,
                   .function = select.Text(1),
                   .executor = static_cast<ExecutorKind>(select.Int(2)),
                   .cores = select.Unsigned(3),
                   .owner = select.Text(9),
                   .job = {select.Unsigned(4)},
                   .executor_reason = select.Text(5),
                   .job_json = select.Text(6),
                   .tasks = select.Unsigned(7),
                   .evidence = *std::move(evidence)});
  }
  if (!row.ok()) return row.status();
  return all;
}

}  // namespace

absl::StatusOr<std::vector<StoredEvidence>> StoreReader::EvidenceOfKinds(
    const Owner& owner) {
  const absl::StatusOr<Statement*> select =
      Prepared(std::string(kOfKinds) + (owner ? "WHERE e.owner = ? " : "") +
               "ORDER BY e.updated_at DESC, d.job DESC LIMIT ?");
  if (!select.ok()) return select.status();
  if (owner) (*select)->BindText(0, *owner);
  (*select)->BindUnsigned(owner ? 1 : 0, kKindsMax);
  return ReadAll(**select);
}

absl::StatusOr<std::vector<LearnedKind>> StoreReader::LearnedKinds(
    const Owner& owner) {
  const absl::StatusOr<Statement*> select = Prepared(
      std::string("SELECT owner, type, function, cores, body FROM choices ") +
      (owner ? "WHERE owner = ? " : "") + "ORDER BY updated_at DESC");
  if (!select.ok()) return select.status();
  if (owner) (*select)->BindText(0, *owner);
  std::vector<LearnedKind> all;
  absl::StatusOr<bool> row = (*select)->Step();
  for (; row.ok() && *row; row = (*select)->Step()) {
    const Statement& found = **select;
    absl::StatusOr<LearnedChoice> learned = LearnedFromJson(found.Text(4));
    if (!learned.ok()) continue;
    all.push_back({.kind = {.owner = found.Text(0),
                            .type = found.Text(1),
                            .function = found.Text(2),
                            .cores = found.Unsigned(3)},
                   .learned = *std::move(learned)});
  }
  if (!row.ok()) return row.status();
  return all;
}

absl::StatusOr<std::vector<StoredEvidence>> StoreReader::EvidenceOfJob(
    JobId job, const Owner& owner) {
  absl::Status status = CheckOwner(job, owner);
  if (!status.ok()) return status;
  absl::StatusOr<Statement*> select = Prepared(kOfJob);
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, job.value);
  absl::StatusOr<std::vector<StoredEvidence>> all = ReadAll(**select);
  if (!all.ok()) return all;
  const absl::StatusOr<Statement*> definition = Prepared(
      "SELECT d.owner, d.type, COALESCE(j.executor, d.executor), "
      "COALESCE(j.executor_reason, d.executor_reason), d.body, d.tasks "
      "FROM definitions d JOIN jobs j ON j.job = d.job WHERE d.job = ?");
  if (!definition.ok()) return definition.status();
  (*definition)->BindUnsigned(0, job.value);
  const absl::StatusOr<bool> row = (*definition)->Step();
  if (!row.ok()) return row.status();
  if (!*row) {
    return absl::NotFoundError("there is no job " + std::to_string(job.value));
  }
  const Statement& found = **definition;
  const std::string type = found.Text(1);
  StoredEvidence known = {
      .function =
          WorkName(type, JsonMember(found.Text(4), "with").value_or("{}")),
      .executor = static_cast<ExecutorKind>(found.Int(2)),
      .job = job,
      .executor_reason = found.Text(3),
      .job_json = found.Text(4),
      .tasks = found.Unsigned(5)};
  const std::string job_owner = found.Text(0);
  known.owner = job_owner;
  (*definition)->Reset();
  for (StoredEvidence& one : *all) one.function = known.function;
  if (!all->empty()) return all;
  // Too small a job: what is known of all of its kind, or nothing.
  select = Prepared(std::string(kOfKinds) +
                    "WHERE e.owner = ? AND e.type = ? AND e.function = ? AND "
                    "e.executor = ? ORDER BY e.cores");
  if (!select.ok()) return select.status();
  (*select)->BindText(0, job_owner);
  (*select)->BindText(1, type);
  (*select)->BindText(2, known.function);
  (*select)->Bind(3, static_cast<int64_t>(known.executor));
  all = ReadAll(**select);
  if (!all.ok()) return all;
  for (StoredEvidence& one : *all) {
    one.job = job;
    one.job_json = known.job_json;
    one.executor_reason = known.executor_reason;
    one.tasks = known.tasks;
  }
  if (all->empty()) all->push_back(std::move(known));
  return all;
}

}  // namespace remuda

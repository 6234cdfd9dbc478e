#include "coordinator/server/verdicts.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "jobs/executor_choice.h"
#include "jobs/job_json.h"
#include "jobs/job_type.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

// Where work of this job could run beside where it does. Only what is known to
// be an async def goes to `async`; what is set up for a loop stays on one, as
// sessions and connections do.
std::vector<ExecutorKind> OthersFor(const Job& job, const JobType& type,
                                    ExecutorKind executor) {
  std::vector<ExecutorKind> kinds;
  if (executor == ExecutorKind::kAsync && type.runs_user_code &&
      JsonMember(job.with, "setup")) {
    return kinds;
  }
  const auto facts = FactsOf(job, type);
  const auto choice = ChooseExecutor(job, type);
  const auto others = OtherExecutors(job, type);
  if (!facts.ok() || !choice.ok() || !others.ok()) return kinds;
  // Not always where it ran: the choice is made anew by each version.
  kinds.push_back(choice->kind);
  for (const OtherExecutor& other : *others) {
    if (!other.is_possible) continue;
    const bool needs_form = other.kind == ExecutorKind::kAsync &&
                            facts->runs_user_code &&
                            facts->form != CodeForm::kAsync;
    if (!needs_form) kinds.push_back(other.kind);
  }
  return kinds;
}

// What a person should know of its code, if an executor noticed something.
std::string FindingOf(const JobSummary& job) {
  for (const JobFinding& finding : job.findings) {
    if (finding.code == "loop_blocked" || finding.code == "blocking_call") {
      return finding.text;
    }
  }
  return "";
}

absl::StatusOr<JudgedWork> JudgeOne(StoreReader& reader,
                                    StoredEvidence stored) {
  JudgedWork judged = {.function = std::move(stored.function),
                       .job = stored.job,
                       .of_job = stored.of_job,
                       .executor_reason = std::move(stored.executor_reason)};
  WorkToJudge& work = judged.work;
  work.executor = stored.executor;
  work.evidence = std::move(stored.evidence);
  work.cores = std::max<uint64_t>(stored.cores, 1);
  work.tasks = stored.tasks;
  const absl::StatusOr<Job> job = JobFromJson(stored.job_json);
  if (job.ok()) {
    judged.type = job->type;
    work.concurrency = job->concurrency;
    work.cpus_each = std::max(job->resources.cpu, 1u);
    work.is_python = job->type == "python";
    // Of a type that this coordinator does not know, the executor is all that
    // is certain.
    if (const JobType* type = FindJobType(job->type)) {
      work.runs_user_code = type->runs_user_code;
      work.others = OthersFor(*job, *type, work.executor);
    }
  }
  const auto summary = reader.FindJob(stored.job);
  if (!summary.ok()) return summary.status();
  if (summary->has_value()) {
    if (judged.type.empty()) judged.type = (*summary)->type;
    judged.finding = FindingOf(**summary);
  }
  work.blocks_its_loop =
      work.executor == ExecutorKind::kAsync && !judged.finding.empty();
  judged.verdict = Judge(work);
  return judged;
}

LearnedChoice LearnedOf(const std::vector<LearnedKind>& all, KindOfWork kind,
                        const std::string& type) {
  kind.type = type;
  for (const LearnedKind& one : all) {
    if (one.kind == kind) return one.learned;
  }
  return {};
}

absl::StatusOr<std::vector<JudgedWork>> JudgeAll(
    StoreReader& reader, absl::StatusOr<std::vector<StoredEvidence>> all,
    const StoreReader::Owner& owner) {
  if (!all.ok()) return all.status();
  const absl::StatusOr<std::vector<LearnedKind>> learned =
      reader.LearnedKinds(owner);
  if (!learned.ok()) return learned.status();
  std::vector<JudgedWork> judged;
  for (StoredEvidence& one : *all) {
    const KindOfWork kind = {.owner = one.owner,
                             .type = "",
                             .function = one.function,
                             .cores = one.cores};
    absl::StatusOr<JudgedWork> work = JudgeOne(reader, std::move(one));
    if (!work.ok()) return work.status();
    work->learned = LearnedOf(*learned, kind, work->type);
    judged.push_back(*std::move(work));
  }
  return judged;
}

// What should be read first has the highest.
double Urgency(const Verdict& verdict) {
  switch (verdict.code) {
    case VerdictCode::kMove:
    case VerdictCode::kBatch:
      return 10 + verdict.gain.middle;
    case VerdictCode::kMoreCpus:
      return 5 + verdict.cpus_used;
    case VerdictCode::kUndecided:
      return 3;
    case VerdictCode::kStay:
      return verdict.advice.empty() ? 1 : 2;
    case VerdictCode::kTooFew:
    case VerdictCode::kCpuUnknown:
    case VerdictCode::kTooLittleToDo:
      return verdict.advice.empty() ? 0 : 2;
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::vector<JudgedWork>> JudgeJob(
    StoreReader& reader, JobId job, const StoreReader::Owner& owner) {
  return JudgeAll(reader, reader.EvidenceOfJob(job, owner), owner);
}

absl::StatusOr<Verdicts> ReadVerdicts(StoreReader& reader,
                                      const GetVerdicts& request,
                                      const StoreReader::Owner& owner) {
  absl::StatusOr<std::vector<JudgedWork>> judged =
      request.job.value != 0
          ? JudgeJob(reader, request.job, owner)
          : JudgeAll(reader, reader.EvidenceOfKinds(owner), owner);
  if (!judged.ok()) return judged.status();
  std::stable_sort(judged->begin(), judged->end(),
                   [](const JudgedWork& a, const JudgedWork& b) {
                     return Urgency(a.verdict) > Urgency(b.verdict);
                   });
  Verdicts reply;
  size_t bytes = 0;
  for (const JudgedWork& one : *judged) {
    std::string text = VerdictToJson(one);
    bytes += text.size();
    if (bytes > StoreReader::kReplyBytesMax) break;
    reply.verdicts.push_back(std::move(text));
  }
  return reply;
}

}  // namespace remuda

#include "coordinator/store/evidence_keeper.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "coordinator/store/history.h"
#include "jobs/json_text.h"
#include "jobs/verdict/evidence_json.h"
#include "jobs/verdict/work_name.h"
#include "wire/attempt_records.h"

namespace remuda {
namespace {

// What agents say of times is only believed within these.
constexpr WallTime kTimeMax{std::chrono::hours(24 * 365 * 200)};
constexpr Duration kWallMax = std::chrono::hours(24 * 365);

bool IsPossible(const AttemptUse& use) {
  return use.wall >= Duration::zero() && use.wall <= kWallMax &&
         use.ended_at >= WallTime(use.wall) && use.ended_at < kTimeMax;
}

// Whether the attempt is one of those that were accepted.
class Accepted {
 public:
  explicit Accepted(const std::vector<AttemptsEnded::Run>& runs)
      : runs_(runs) {}

  // Asked by rising task.
  bool Has(const AttemptUse& use) {
    while (at_ < runs_.size() && EndOf(at_) <= use.task) ++at_;
    for (size_t i = at_; i < runs_.size(); ++i) {
      const EndingRun& run = runs_[i].ended;
      if (run.tasks.first > use.task) return false;
      if (run.fence == use.fence && run.ending == use.ending) return true;
    }
    return false;
  }

 private:
  TaskIndex EndOf(size_t i) const {
    return runs_[i].ended.tasks.first + runs_[i].ended.tasks.count;
  }

  const std::vector<AttemptsEnded::Run>& runs_;
  size_t at_ = 0;
};

// The time from the first beginning to the last end that was not counted yet,
// with the pause before it if that is short.
Duration NewlyActive(WallTime& counted_to, WallTime began, WallTime ended) {
  if (ended <= counted_to) return Duration::zero();
  const bool goes_on = began - counted_to <= EvidenceKeeper::kPauseMax;
  const Duration active = ended - (goes_on ? counted_to : began);
  counted_to = ended;
  return active;
}

absl::Status PutBody(Statement& statement, int parameter,
                     const Evidence& evidence) {
  const std::string body = EvidenceToJson(evidence);
  statement.BindText(parameter, body);
  return statement.Run();
}

// Evidence is a help, never worth an end of the coordinator: what cannot be
// read counts as none.
Evidence ReadBody(const Statement& row, int column) {
  return EvidenceFromJson(row.Text(column)).value_or(Evidence{});
}

}  // namespace

absl::StatusOr<EvidenceKeeper> EvidenceKeeper::Prepare(Database& database) {
  static constexpr std::array<const char*, kSqlCount> kTexts = {
      "SELECT type, executor, owner, body FROM definitions WHERE job = ?",
      "SELECT body FROM agents WHERE id = ?",
      "SELECT body FROM evidence WHERE owner = ? AND type = ? AND "
      "function = ? AND executor = ? AND cores = ?",
      "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      "SELECT body FROM job_evidence WHERE job = ? AND cores = ?",
      "INSERT OR REPLACE INTO job_evidence VALUES (?, ?, ?)",
  };
  EvidenceKeeper keeper;
  for (size_t i = 0; i < kSqlCount; ++i) {
    absl::StatusOr<Statement> statement = database.Prepare(kTexts[i]);
    if (!statement.ok()) return statement.status();
    keeper.statements_[i] = *std::move(statement);
  }
  return keeper;
}

absl::Status EvidenceKeeper::Add(const AttemptsEnded& event) {
  now_ = std::max(now_, event.at);
  if (event.records == nullptr || event.records->empty()) {
    return absl::OkStatus();
  }
  const absl::StatusOr<Agent> agent = FindAgent(event.agent);
  if (!agent.ok()) return agent.status();
  const absl::StatusOr<JobEntry*> found = FindJob(event.job);
  if (!found.ok()) return found.status();
  if (*found == nullptr) return absl::OkStatus();
  JobEntry& job = **found;

  Evidence batch;
  batch.slots = agent->slots;
  WallTime began = kTimeMax;
  WallTime ended{};
  Accepted accepted(event.runs);
  const absl::Status visited =
      VisitAttemptUses(*event.records, [&](const AttemptUse& use) {
        if (!accepted.Has(use) || !IsEvidence(use.ending) || !IsPossible(use)) {
          return;
        }
        batch.Add(use.ending, use.wall, use.usage);
        began = std::min(began, use.ended_at - use.wall);
        ended = std::max(ended, use.ended_at);
      });
  if (!visited.ok() || batch.attempts == 0) return absl::OkStatus();
  WallTime& counted_to =
      job.active_to.try_emplace(event.agent, began).first->second;
  batch.active = NewlyActive(counted_to, began, ended);
  Share& share = job.shares[agent->cores];
  share.for_kind.Merge(batch);
  share.for_job.Merge(batch);
  job.is_dirty = true;
  return absl::OkStatus();
}

void EvidenceKeeper::OnJobFinished(const JobFinished& event) {
  now_ = std::max(now_, event.at);
  const auto job = jobs_.find(event.job);
  if (job != jobs_.end()) job->second.is_finished = true;
}

absl::StatusOr<uint64_t> EvidenceKeeper::WriteDue() {
  uint64_t rows = 0;
  const bool is_full = jobs_.size() > kJobsHeldMax;
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    JobEntry& job = at->second;
    const bool is_over = is_full || job.is_finished;
    if (job.is_dirty && (is_over || now_ - job.written_at >= kKeptBackMax)) {
      const absl::StatusOr<uint64_t> written = WriteJob(at->first, job);
      if (!written.ok()) return written.status();
      rows += *written;
    }
    at = is_over ? jobs_.erase(at) : std::next(at);
  }
  const absl::StatusOr<uint64_t> written = WriteDueKinds();
  if (!written.ok()) return written.status();
  return rows + *written;
}

absl::StatusOr<uint64_t> EvidenceKeeper::WriteDueKinds() {
  uint64_t rows = 0;
  const bool is_full = kinds_.size() > kJobsHeldMax;
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    Kind& kind = at->second;
    const bool is_due = is_full || now_ - kind.second >= kKeptBackMax;
    if (is_due && kind.fresh.attempts > 0) {
      const absl::Status status = WriteKind(at->first, kind);
      if (!status.ok()) return status;
      ++rows;
    }
    at = is_due ? kinds_.erase(at) : std::next(at);
  }
  return rows;
}

absl::StatusOr<uint64_t> EvidenceKeeper::WriteJob(JobId id, JobEntry& job) {
  uint64_t rows = 0;
  for (auto& [cores, share] : job.shares) {
    if (share.for_kind.attempts > 0) {
      const KindKey key = {job.owner, job.type, job.function, job.executor,
                           cores};
      Kind& kind = kinds_.try_emplace(key, Kind{.second = now_}).first->second;
      kind.fresh.Merge(share.for_kind);
      kind.newest = id;
      kind.ages |= !std::exchange(share.is_aged, true);
      share.for_kind = {};
      // A row for each job of a task or two would cost more than the job.
      const bool is_small = job.is_finished && !share.has_row &&
                            share.for_job.attempts < kJobAttemptsMin;
      if (!is_small || ++kind.small_writes <= kSmallWritesMax) {
        const absl::Status status = WriteKind(key, kind);
        if (!status.ok()) return status;
        ++rows;
      }
    }
    const absl::StatusOr<bool> written = WriteShare(id, cores, share);
    if (!written.ok()) return written.status();
    rows += *written ? 1 : 0;
  }
  job.is_dirty = false;
  job.written_at = now_;
  return rows;
}

absl::Status EvidenceKeeper::WriteKind(const KindKey& key, Kind& kind) {
  const auto bind = [&](Statement& statement) {
    const auto& [owner, type, function, executor, cores] = key;
    statement.BindText(0, owner);
    statement.BindText(1, type);
    statement.BindText(2, function);
    statement.Bind(3, static_cast<int64_t>(executor));
    statement.BindUnsigned(4, cores);
  };
  Statement& select = Get(kSelectKind);
  bind(select);
  const absl::StatusOr<bool> row = select.Step();
  if (!row.ok()) return row.status();
  Evidence sum;
  if (*row) {
    const Evidence before = ReadBody(select, 0);
    const double weight =
        !kind.ages || before.attempts <= kOldAttemptsMax
            ? 1
            : std::max(0.5, kOldAttemptsMax / before.attempts);
    sum.Merge(before, weight);
    select.Reset();
  }
  sum.Merge(kind.fresh);
  kind.fresh = {};
  kind.ages = false;
  Statement& put = Get(kPutKind);
  bind(put);
  put.BindUnsigned(5, kind.newest.value);
  put.Bind(6, ToNanoseconds(now_));
  return PutBody(put, 7, sum);
}

absl::StatusOr<bool> EvidenceKeeper::WriteShare(JobId id, uint64_t cores,
                                                Share& share) {
  if (share.for_job.attempts == 0) return false;
  Statement& select = Get(kSelectShare);
  select.BindUnsigned(0, id.value);
  select.BindUnsigned(1, cores);
  const absl::StatusOr<bool> row = select.Step();
  if (!row.ok()) return row.status();
  Evidence sum;
  if (*row) {
    sum = ReadBody(select, 0);
    select.Reset();
  } else if (share.for_job.attempts < kJobAttemptsMin) {
    return false;
  }
  sum.Merge(share.for_job);
  share.for_job = {};
  share.has_row = true;
  Statement& put = Get(kPutShare);
  put.BindUnsigned(0, id.value);
  put.BindUnsigned(1, cores);
  const absl::Status status = PutBody(put, 2, sum);
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<EvidenceKeeper::JobEntry*> EvidenceKeeper::FindJob(JobId job) {
  const auto known = jobs_.find(job);
  if (known != jobs_.end()) return &known->second;
  Statement& select = Get(kSelectJob);
  select.BindUnsigned(0, job.value);
  const absl::StatusOr<bool> row = select.Step();
  if (!row.ok()) return row.status();
  if (!*row) return nullptr;
  JobEntry entry;
  entry.written_at = now_;
  entry.type = select.Text(0);
  entry.executor = static_cast<ExecutorKind>(select.Int(1));
  entry.owner = select.Text(2);
  entry.function = FunctionOf(entry.type, select.Text(3));
  select.Reset();
  return &jobs_.emplace(job, std::move(entry)).first->second;
}

std::string EvidenceKeeper::FunctionOf(const std::string& type,
                                       const std::string& body) {
  constexpr size_t kDefinitionsMax = 64;
  constexpr size_t kDefinitionBytesMax = 4'096;
  const auto known = functions_.find(body);
  if (known != functions_.end()) return known->second;
  std::string function =
      WorkName(type, JsonMember(body, "with").value_or("{}"));
  if (body.size() > kDefinitionBytesMax) return function;
  if (functions_.size() >= kDefinitionsMax) functions_.clear();
  functions_.emplace(body, function);
  return function;
}

absl::StatusOr<EvidenceKeeper::Agent> EvidenceKeeper::FindAgent(AgentId id) {
  const auto known = agents_.find(id);
  if (known != agents_.end()) return known->second;
  Statement& select = Get(kSelectAgent);
  select.BindUnsigned(0, id.value);
  const absl::StatusOr<bool> row = select.Step();
  if (!row.ok()) return row.status();
  Agent agent;
  if (*row) {
    const absl::StatusOr<Event> event = FromHistory({.at = {},
                                                     .kind = "agent_registered",
                                                     .job = {},
                                                     .body = select.Text(0)});
    select.Reset();
    if (event.ok()) {
      for (const ExecutorOffer& offer :
           std::get<AgentRegistered>(*event).executors) {
        agent.slots[static_cast<size_t>(offer.kind)] = offer.slots;
      }
    }
  }
  // What an agent gives to computing is what it has, as far as this goes.
  agent.cores = std::max<uint64_t>(
      1, agent.slots[static_cast<size_t>(ExecutorKind::kProcessPool)]);
  agents_.emplace(id, agent);
  return agent;
}

}  // namespace remuda

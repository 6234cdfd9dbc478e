#include "coordinator/store/evidence_keeper.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "coordinator/store/evidence_batch.h"
#include "coordinator/store/history.h"
#include "jobs/json_text.h"
#include "jobs/verdict/evidence_json.h"
#include "jobs/verdict/work_name.h"

namespace remuda {
namespace {

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
      "SELECT d.type, COALESCE(j.executor, d.executor), d.owner, d.body "
      "FROM definitions d JOIN jobs j ON j.job = d.job WHERE d.job = ?",
      "SELECT body FROM agents WHERE id = ?",
      "SELECT body FROM evidence WHERE owner = ? AND type = ? AND "
      "function = ? AND executor = ? AND cores = ?",
      "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      "SELECT body FROM job_evidence WHERE job = ? AND executor = ? AND "
      "cores = ?",
      "INSERT OR REPLACE INTO job_evidence VALUES (?, ?, ?, ?)",
  };
  EvidenceKeeper keeper;
  for (size_t i = 0; i < kSqlCount; ++i) {
    absl::StatusOr<Statement> statement = database.Prepare(kTexts[i]);
    if (!statement.ok()) return statement.status();
    keeper.statements_[i] = *std::move(statement);
  }
  return keeper;
}

void EvidenceKeeper::OnJobAccepted(const JobAccepted& event) {
  fresh_[event.id] = {.owner = event.owner,
                      .type = event.job->type,
                      .executor = event.executor,
                      .body = event.job_json};
  if (fresh_.size() > kJobsHeldMax) fresh_.erase(fresh_.begin());
}

double EvidenceKeeper::OnAgent::NextWeight(uint64_t count, WallTime at) {
  attempts += count;
  if (count == 0) return 0;
  if (attempts > kAllLookedAtMax && ++events < kOneIn &&
      at - looked_at < kPassedOverMax) {
    passed_over += count;
    return 0;
  }
  events = 0;
  looked_at = at;
  const auto all = static_cast<double>(std::exchange(passed_over, 0) + count);
  return all / static_cast<double>(count);
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

  uint64_t attempts = 0;
  for (const AttemptsEnded::Run& run : event.runs) {
    attempts += run.ended.tasks.count;
  }
  OnAgent& on_agent = job.agents[event.agent];
  const double weight = on_agent.NextWeight(attempts, event.at);
  if (weight == 0) return absl::OkStatus();
  std::optional<EvidenceBatch> batch = EvidenceOf(event);
  if (!batch.has_value()) return absl::OkStatus();
  if (!on_agent.active_to) on_agent.active_to = batch->began;
  Evidence sum;
  sum.Merge(batch->sum, weight);
  sum.slots = agent->slots;
  sum.agent_memory_bytes = static_cast<double>(agent->memory_bytes);
  sum.active = batch->NewlyActive(*on_agent.active_to);
  Share& share = job.shares[agent->cores];
  share.for_kind.Merge(sum);
  share.for_job.Merge(sum);
  job.is_dirty = true;
  return absl::OkStatus();
}

void EvidenceKeeper::OnJobFinished(const JobFinished& event) {
  now_ = std::max(now_, event.at);
  fresh_.erase(event.job);
  const auto job = jobs_.find(event.job);
  if (job != jobs_.end()) job->second.is_finished = true;
}

absl::Status EvidenceKeeper::OnExecutorChosen(const ExecutorChosen& event) {
  const auto fresh = fresh_.find(event.job);
  if (fresh != fresh_.end()) fresh->second.executor = event.executor;
  const auto found = jobs_.find(event.job);
  if (found == jobs_.end()) return absl::OkStatus();
  JobEntry& job = found->second;
  if (job.executor == event.executor) return absl::OkStatus();
  const absl::StatusOr<uint64_t> written = WriteJob(event.job, job);
  if (!written.ok()) return written.status();
  job.executor = event.executor;
  job.shares.clear();
  job.agents.clear();
  return absl::OkStatus();
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
    const absl::StatusOr<bool> written =
        WriteShare(id, job.executor, cores, share);
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

absl::StatusOr<bool> EvidenceKeeper::WriteShare(JobId id, ExecutorKind executor,
                                                uint64_t cores, Share& share) {
  if (share.for_job.attempts == 0) return false;
  Statement& select = Get(kSelectShare);
  select.BindUnsigned(0, id.value);
  select.Bind(1, static_cast<int64_t>(executor));
  select.BindUnsigned(2, cores);
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
  put.Bind(1, static_cast<int64_t>(executor));
  put.BindUnsigned(2, cores);
  const absl::Status status = PutBody(put, 3, sum);
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<EvidenceKeeper::JobEntry*> EvidenceKeeper::FindJob(JobId job) {
  const auto known = jobs_.find(job);
  if (known != jobs_.end()) return &known->second;
  if (const auto fresh = fresh_.extract(job)) {
    const FreshJob& is = fresh.mapped();
    JobEntry entry;
    entry.written_at = now_;
    entry.owner = is.owner;
    entry.type = is.type;
    entry.executor = is.executor;
    entry.function = FunctionOf(is.type, *is.body);
    return &jobs_.emplace(job, std::move(entry)).first->second;
  }
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
      const auto& registered = std::get<AgentRegistered>(*event);
      agent.memory_bytes = registered.memory_bytes;
      for (const ExecutorOffer& offer : registered.executors) {
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

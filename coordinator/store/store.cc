#include "coordinator/store/store.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <variant>
#include <vector>

#include "base/check.h"
#include "coordinator/store/finding_text.h"
#include "coordinator/store/history.h"
#include "coordinator/store/schema.h"
#include "coordinator/store/store_sql.h"
#include "coordinator/store/stored_rows.h"
#include "jobs/items.h"

namespace remuda {
namespace {

// The write-ahead log is moved into the file after so many pages of 4 KiB.
constexpr int kCheckpointPages = 4'000;
constexpr int kLogFileBytesMax = 64 << 20;
constexpr int kCacheKibibytes = 32 << 10;

// Rows of the history that one statement inserts: of a small row starting and
// ending a statement is the greater part.
constexpr size_t kEventsAtOnce = 8;

// Whoever looks at the file with a tool may lock it for a moment.
constexpr int kBusyMilliseconds = 5'000;

absl::Status Configure(Database& database, Durability durability) {
  return database.Execute(
      "PRAGMA busy_timeout = " + std::to_string(kBusyMilliseconds) +
      "; PRAGMA journal_mode = WAL; PRAGMA synchronous = " +
      (durability == Durability::kFull ? "FULL" : "NORMAL") +
      "; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = " +
      std::to_string(kLogFileBytesMax) + "; PRAGMA cache_size = -" +
      std::to_string(kCacheKibibytes) +
      "; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;");
}

}  // namespace

// What is gathered while the units of one transaction are written.
struct Store::Batch {
  struct ChunkChange {
    uint64_t version_before = 0;
    const ChunkWrite* last = nullptr;
  };
  // Of a chunk or job that changed several times only the last is written.
  std::map<std::pair<JobId, uint64_t>, ChunkChange> chunks;
  std::map<JobId, const JobSummary*> summaries;
  std::set<JobId> accepted;      // without their row of what changes yet
  std::vector<JobId> cancelled;  // asked to be
  GrantId last_grant;
  std::vector<GrantId> grants_done;
  std::vector<JobId> finished;
  // Not written yet; the last has the number before next_event_.
  std::vector<HistoryRow> history;
  CommitFacts facts;
};

absl::StatusOr<Store> Store::Open(const StoreOptions& options) {
  absl::StatusOr<DataFolder> folder = DataFolder::Open(options.folder);
  if (!folder.ok()) return folder.status();
  absl::StatusOr<Database> database =
      Database::Open(folder->database_path(), Database::Mode::kReadWrite);
  if (!database.ok()) return database.status();
  absl::Status status = Configure(*database, options.durability);
  if (status.ok()) status = PrepareSchema(*database);
  if (!status.ok()) return status;

  Store store(*std::move(folder), *std::move(database));
  status = store.Prepare();
  if (status.ok()) status = store.ReadMarks();
  if (!status.ok()) return status;
  return store;
}

Store::Store(DataFolder folder, Database database)
    : folder_(std::move(folder)), database_(std::move(database)) {
  database_.CountLogPages(log_pages_.get());
}

absl::Status Store::Prepare() {
  static_assert(kSelectItems + 1 == kSqlCount);
  static_assert(std::size(kStoreSqlTexts) == kSqlCount);
  for (size_t i = 0; i < kSqlCount; ++i) {
    absl::StatusOr<Statement> statement = database_.Prepare(kStoreSqlTexts[i]);
    if (!statement.ok()) return statement.status();
    statements_[i] = *std::move(statement);
  }
  absl::StatusOr<EvidenceKeeper> evidence = EvidenceKeeper::Prepare(database_);
  if (!evidence.ok()) return evidence.status();
  evidence_ = *std::move(evidence);
  return absl::OkStatus();
}

absl::Status Store::ReadMarks() {
  absl::StatusOr<Statement> marks = database_.Prepare(
      "SELECT (SELECT value FROM meta WHERE name = 'generation'), "
      "(SELECT COALESCE(MAX(seq), 0) FROM events)");
  if (!marks.ok()) return marks.status();
  absl::StatusOr<bool> row = marks->Step();
  if (!row.ok()) return row.status();
  generation_ = marks->Text(0);
  next_event_ = marks->Unsigned(1) + 1;

  absl::StatusOr<Statement> lists = database_.Prepare(
      "SELECT d.job FROM jobs j JOIN definitions d ON d.job = j.job "
      "WHERE j.state < 4 AND d.list = 1");
  if (!lists.ok()) return lists.status();
  for (row = lists->Step(); row.ok() && *row; row = lists->Step()) {
    list_jobs_.insert({lists->Unsigned(0)});
  }
  return row.status();
}

absl::StatusOr<CommitFacts> Store::Commit(std::span<CommitUnit> units) {
  Batch batch;
  batch.facts.units = units.size();
  const bool writes =
      std::any_of(units.begin(), units.end(), [](const CommitUnit& unit) {
        return unit.output.needs_commit() || !unit.output.grants_done.empty() ||
               !unit.output.summaries.empty() || !unit.learned.empty();
      });
  if (!writes) return batch.facts;
  absl::Status status = Get(kBegin).Run();
  if (!status.ok()) return status;
  status = WriteUnits(units, batch);
  if (status.ok()) status = Get(kCommit).Run();
  if (!status.ok()) {
    // The first error is the one to tell.
    (void)database_.Execute("ROLLBACK");
    return status;
  }
  for (const JobId job : batch.finished) list_jobs_.erase(job);
  return batch.facts;
}

bool Store::checkpoint_due() const { return *log_pages_ >= kCheckpointPages; }

absl::Status Store::Checkpoint() {
  // Readers hold back what they still see, which the next one moves.
  return database_.Execute("PRAGMA wal_checkpoint(PASSIVE)");
}

absl::Status Store::WriteUnits(std::span<CommitUnit> units, Batch& batch) {
  absl::Status status;
  for (const CommitUnit& unit : units) {
    const Output& output = unit.output;
    for (const Event& event : output.events) {
      status = Write(event, unit, batch);
      if (!status.ok()) return status;
    }
    for (const ChunkWrite& chunk : output.chunks) {
      Batch::ChunkChange& change = batch.chunks[{chunk.job, chunk.chunk}];
      if (change.last == nullptr) change.version_before = chunk.version - 1;
      const uint64_t previous =
          change.last == nullptr ? change.version_before : change.last->version;
      if (chunk.version != previous + 1) {
        return absl::FailedPreconditionError("a chunk skips a version");
      }
      change.last = &chunk;
    }
    for (const JobSummary& summary : output.summaries) {
      batch.summaries[summary.id] = &summary;
    }
    for (const LogChunk& log : output.logs) {
      status = WriteLog(log, batch);
      if (!status.ok()) return status;
    }
    for (const LearnedKind& learned : unit.learned) {
      status = WriteLearned(learned, batch);
      if (!status.ok()) return status;
    }
    batch.grants_done.insert(batch.grants_done.end(),
                             output.grants_done.begin(),
                             output.grants_done.end());
  }
  status = WriteHistory(batch);
  if (status.ok()) status = DeleteGrants(batch);
  if (status.ok()) status = WriteChunks(batch);
  if (status.ok()) status = WriteSummaries(batch);
  if (status.ok() && batch.last_grant.value != 0) {
    status = Mark("last_grant", batch.last_grant.value, batch);
  }
  if (status.ok()) {
    const absl::StatusOr<uint64_t> rows = evidence_.WriteDue();
    status = rows.status();
    batch.facts.rows += rows.value_or(0);
  }
  for (CommitUnit& unit : units) {
    if (status.ok()) status = ResolveItems(unit);
  }
  return status;
}

absl::Status Store::Write(const Event& event, const CommitUnit& unit,
                          Batch& batch) {
  batch.history.push_back(ToHistory(event));
  const absl::Status status = std::visit(
      [&](const auto& one) { return WriteFact(one, unit, batch); }, event);
  ++next_event_;
  if (!status.ok() || batch.history.size() < kEventsAtOnce) return status;
  return WriteHistory(batch);
}

absl::Status Store::WriteHistory(Batch& batch) {
  const std::vector<HistoryRow>& rows = batch.history;
  const bool together = rows.size() == kEventsAtOnce;
  const Sql sql = together ? kInsertEvents : kInsertEvent;
  Statement& insert = Get(sql);
  int at = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const HistoryRow& row = rows[i];
    insert.BindUnsigned(at++, next_event_ - rows.size() + i);
    insert.Bind(at++, ToNanoseconds(row.at));
    insert.BindText(at++, row.kind);
    if (row.job.value != 0) {
      insert.BindUnsigned(at++, row.job.value);
    } else {
      insert.BindNull(at++);
    }
    insert.BindText(at++, row.body);
    if (together && i + 1 < rows.size()) continue;
    const absl::Status status = Run(sql, batch);
    if (!status.ok()) return status;
    at = 0;
  }
  if (together) batch.facts.rows += rows.size() - 1;
  batch.history.clear();
  return absl::OkStatus();
}

// Grants of small jobs end in the order in which they were made, or nearly.
absl::Status Store::DeleteGrants(Batch& batch) {
  std::vector<GrantId>& done = batch.grants_done;
  std::sort(done.begin(), done.end());
  for (size_t at = 0; at < done.size();) {
    const size_t first = at++;
    while (at < done.size() && done[at].value == done[at - 1].value + 1) ++at;
    Get(kDeleteGrant).BindUnsigned(0, done[first].value);
    Get(kDeleteGrant).BindUnsigned(1, done[at - 1].value);
    batch.facts.rows += at - first - 1;
    const absl::Status status = Run(kDeleteGrant, batch);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Store::WriteFact(const TermStarted& event, const CommitUnit&,
                              Batch& batch) {
  return Mark("term", event.term.value, batch);
}

absl::Status Store::WriteFact(const AgentRegistered& event, const CommitUnit&,
                              Batch& batch) {
  evidence_.OnAgentRegistered(event.agent);
  const std::string body = ToHistory(event).body;
  Statement& upsert = Get(kUpsertAgent);
  upsert.BindUnsigned(0, event.agent.value);
  upsert.BindText(1, event.instance);
  upsert.BindText(2, event.name);
  upsert.BindText(3, body);
  upsert.Bind(4, ToNanoseconds(event.at));
  return Run(kUpsertAgent, batch);
}

absl::Status Store::WriteFact(const AgentLeft& event, const CommitUnit&,
                              Batch& batch) {
  Statement& leave = Get(kLeaveAgent);
  leave.Bind(0, ToNanoseconds(event.at));
  leave.BindUnsigned(1, event.agent.value);
  return Run(kLeaveAgent, batch);
}

absl::Status Store::WriteFact(const JobAccepted& event, const CommitUnit& unit,
                              Batch& batch) {
  const bool is_list = event.job->tasks.kind == TaskSource::Kind::kList;
  Statement& definition = Get(kInsertDefinition);
  definition.BindUnsigned(0, event.id.value);
  definition.BindText(1, event.key);
  definition.BindUnsigned(2, event.document);
  definition.BindText(3, event.digest);
  definition.BindUnsigned(4, event.tasks);
  definition.Bind(5, static_cast<int64_t>(event.executor));
  definition.BindText(6, event.executor_reason);
  definition.BindUnsigned(7, event.item_bytes_max);
  definition.Bind(8, is_list ? 1 : 0);
  definition.Bind(9, ToNanoseconds(event.at));
  definition.BindText(10, event.job->name);
  definition.BindText(11, event.job->type);
  definition.BindText(12, *event.job_json);
  definition.BindText(13, event.owner);
  absl::Status status = Run(kInsertDefinition, batch);
  if (!status.ok()) return status;

  batch.accepted.insert(event.id);
  evidence_.OnJobAccepted(event);

  Get(kInsertSubmission).BindText(0, event.key);
  Get(kInsertSubmission).BindUnsigned(1, event.id.value);
  status = Run(kInsertSubmission, batch);
  if (!status.ok() || !is_list) return status;

  const auto staged = std::find_if(
      unit.items.begin(), unit.items.end(), [&](const StagedItems& items) {
        return items.key == event.key && items.document == event.document;
      });
  CHECK(staged != unit.items.end());
  for (size_t chunk = 0; chunk < staged->chunks->size(); ++chunk) {
    Statement& insert = Get(kInsertItems);
    insert.BindUnsigned(0, event.id.value);
    insert.BindUnsigned(1, chunk);
    insert.BindBytes(2, (*staged->chunks)[chunk]);
    status = Run(kInsertItems, batch);
    if (!status.ok()) return status;
  }
  list_jobs_.insert(event.id);
  return absl::OkStatus();
}

absl::Status Store::WriteFact(const TasksGranted& event, const CommitUnit&,
                              Batch& batch) {
  Statement& insert = Get(kInsertGrant);
  insert.BindUnsigned(0, event.grant.value);
  insert.BindUnsigned(1, event.job.value);
  insert.BindUnsigned(2, event.agent.value);
  insert.BindUnsigned(3, event.tasks.first);
  insert.BindUnsigned(4, event.tasks.count);
  insert.BindUnsigned(5, event.fence.value);
  insert.Bind(6, ToNanoseconds(event.at));
  batch.last_grant = std::max(batch.last_grant, event.grant);
  return Run(kInsertGrant, batch);
}

absl::Status Store::WriteFact(const AttemptsEnded& event, const CommitUnit&,
                              Batch& batch) {
  if (event.runs.empty() || event.records == nullptr ||
      event.records->empty()) {
    return absl::OkStatus();
  }
  Statement& insert = Get(kInsertResults);
  insert.BindUnsigned(0, event.job.value);
  // By rising index, all of one chunk. The records may hold more than these,
  // of attempts that were refused; nobody looks for those.
  const IndexRange& last = event.runs.back().ended.tasks;
  const TaskIndex first = event.runs.front().ended.tasks.first;
  insert.BindUnsigned(1, ChunkOf(first));
  insert.BindUnsigned(2, next_event_);
  insert.BindUnsigned(3, first);
  insert.BindUnsigned(4, last.first + last.count - 1);
  insert.BindUnsigned(5, event.agent.value);
  insert.Bind(6, static_cast<int64_t>(event.executor));
  insert.BindBytes(7, *event.records);
  const absl::Status status = Run(kInsertResults, batch);
  return status.ok() ? evidence_.Add(event) : status;
}

absl::Status Store::WriteFact(const JobCancelRequested& event,
                              const CommitUnit&, Batch& batch) {
  batch.cancelled.push_back(event.job);
  return absl::OkStatus();
}

absl::Status Store::WriteFact(const FindingsNoted& event, const CommitUnit&,
                              Batch& batch) {
  for (const FindingsNoted::Entry& entry : event.entries) {
    const std::string body = FindingToJson(entry.finding);
    Statement& insert = Get(kInsertFinding);
    insert.BindUnsigned(0, event.job.value);
    insert.BindUnsigned(1, entry.place);
    insert.BindText(2, body);
    const absl::Status status = Run(kInsertFinding, batch);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Store::WriteFact(const ExecutorChosen& event, const CommitUnit&,
                              Batch& batch) {
  const bool is_new = batch.accepted.erase(event.job) > 0;
  absl::Status status =
      is_new ? InsertFreshJob(event.job, batch) : absl::Status();
  if (!status.ok()) return status;
  Statement& choose = Get(kChooseExecutor);
  choose.Bind(0, static_cast<int64_t>(event.executor));
  choose.BindText(1, event.reason);
  choose.BindUnsigned(2, event.job.value);
  status = Run(kChooseExecutor, batch);
  return status.ok() ? evidence_.OnExecutorChosen(event) : status;
}

absl::Status Store::WriteFact(const TasksReturned&, const CommitUnit&, Batch&) {
  return absl::OkStatus();  // its chunks and grants say it all
}

absl::Status Store::WriteFact(const JobFinished& event, const CommitUnit&,
                              Batch& batch) {
  batch.finished.push_back(event.job);
  evidence_.OnJobFinished(event);
  return absl::OkStatus();  // the job's summary says it
}

absl::Status Store::WriteLog(const LogChunk& log, Batch& batch) {
  const uint64_t offset = std::min(log.offset, kLogBytesMax);
  const std::string_view kept =
      std::string_view(log.bytes).substr(0, kLogBytesMax - offset);
  Statement& insert = Get(kInsertLog);
  insert.BindUnsigned(0, log.attempt.job.value);
  insert.BindUnsigned(1, log.attempt.task);
  insert.BindUnsigned(2, log.attempt.fence.value);
  insert.Bind(3, log.stream);
  insert.BindUnsigned(4, offset);
  insert.BindBytes(5, kept);
  absl::Status status = Run(kInsertLog, batch);
  if (!status.ok() || kept.empty() || kept.size() == log.bytes.size()) {
    return status;
  }
  LogChunk marker = log;
  marker.offset = kLogBytesMax;
  marker.bytes.clear();
  return WriteLog(marker, batch);
}

// In order of change, so that the oldest can be forgotten.
absl::Status Store::WriteLearned(const LearnedKind& learned, Batch& batch) {
  const std::string body = LearnedToJson(learned.learned);
  Statement& put = Get(kPutChoice);
  put.BindText(0, learned.kind.owner);
  put.BindText(1, learned.kind.type);
  put.BindText(2, learned.kind.function);
  put.BindUnsigned(3, learned.kind.cores);
  put.BindText(4, body);
  const absl::Status status = Run(kPutChoice, batch);
  if (!status.ok()) return status;
  Get(kTrimChoices).BindUnsigned(0, kLearnedKindsMax);
  return Run(kTrimChoices, batch);
}

absl::Status Store::WriteChunks(Batch& batch) {
  for (const auto& [key, change] : batch.chunks) {
    const ChunkWrite& chunk = *change.last;
    const Sql sql = change.version_before == 0 ? kInsertChunk : kUpdateChunk;
    Statement& write = Get(sql);
    if (sql == kInsertChunk) {
      write.BindUnsigned(0, chunk.job.value);
      write.BindUnsigned(1, chunk.chunk);
      write.BindUnsigned(2, chunk.version);
      write.BindBytes(3, chunk.state);
    } else {
      write.BindUnsigned(0, chunk.version);
      write.BindBytes(1, chunk.state);
      write.BindUnsigned(2, chunk.job.value);
      write.BindUnsigned(3, chunk.chunk);
      write.BindUnsigned(4, change.version_before);
    }
    const absl::Status status = Run(sql, batch);
    if (!status.ok()) return status;
    if (database_.changed_rows() != 1) {
      return absl::FailedPreconditionError(
          "chunk " + std::to_string(chunk.chunk) + " of job " +
          std::to_string(chunk.job.value) + " is not at version " +
          std::to_string(change.version_before));
    }
  }
  return absl::OkStatus();
}

absl::Status Store::InsertFreshJob(JobId job, Batch& batch) {
  Statement& insert = Get(kInsertJob);
  insert.Bind(0, static_cast<int64_t>(JobState::kQueued));
  for (int at = 1; at <= 12; ++at) insert.BindNull(at);
  insert.BindText(13, "");
  insert.BindUnsigned(14, job.value);
  return Run(kInsertJob, batch);
}

absl::Status Store::WriteSummaries(Batch& batch) {
  for (const auto& [job, summary] : batch.summaries) {
    const Sql sql = batch.accepted.erase(job) > 0 ? kInsertJob : kUpdateJob;
    Statement& write = Get(sql);
    int at = 0;
    write.Bind(at++, static_cast<int64_t>(summary->state));
    for (const uint64_t count : summary->tasks) write.BindUnsigned(at++, count);
    write.BindUnsigned(at++, summary->attempts);
    write.BindUnsigned(at++, summary->infrastructure_losses);
    for (const auto& time : {summary->started_at, summary->finished_at}) {
      if (time.has_value()) {
        write.Bind(at++, ToNanoseconds(*time));
      } else {
        write.BindNull(at++);
      }
    }
    write.BindText(at++, summary->reason);
    write.BindUnsigned(at++, job.value);
    const absl::Status status = Run(sql, batch);
    if (!status.ok()) return status;
    if (database_.changed_rows() != 1) {
      return absl::FailedPreconditionError("job " + std::to_string(job.value) +
                                           " changed but is not stored");
    }
  }
  // A core says what an accepted job looks like; a row it has in any case.
  absl::Status status;
  for (const JobId job : batch.accepted)
    status.Update(InsertFreshJob(job, batch));
  for (const JobId job : batch.cancelled) {
    Get(kCancelJob).BindUnsigned(0, job.value);
    status.Update(Run(kCancelJob, batch));
  }
  return status;
}

absl::Status Store::ResolveItems(CommitUnit& unit) {
  for (Send& send : unit.output.after_commit) {
    auto* to_agent = std::get_if<ToAgent>(&send);
    if (to_agent == nullptr) continue;
    auto* grant = std::get_if<Grant>(&to_agent->message);
    if (grant == nullptr) continue;
    for (GrantedRange& range : grant->ranges) {
      if (!list_jobs_.contains(range.job)) continue;
      const absl::Status status = ResolveItems(range);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Store::ResolveItems(GrantedRange& range) {
  range.items.clear();
  uint64_t task = range.tasks.first;
  const uint64_t end = range.tasks.first + range.tasks.count;
  while (task < end) {
    const uint64_t chunk = ChunkOf(task);
    const uint64_t stop = std::min(end, (chunk + 1) * kTasksPerChunk);
    Statement& select = Get(kSelectItems);
    select.BindUnsigned(0, range.job.value);
    select.BindUnsigned(1, chunk);
    const absl::StatusOr<bool> row = select.Step();
    if (!row.ok()) return row.status();
    const std::vector<std::string_view> items =
        *row ? ItemsOfChunk(select.Bytes(0), task - chunk * kTasksPerChunk,
                            stop - task)
             : std::vector<std::string_view>();
    if (items.size() != stop - task) {
      select.Reset();
      return absl::DataLossError("items of job " +
                                 std::to_string(range.job.value) +
                                 " are missing from the store");
    }
    for (const std::string_view item : items) {
      range.items.append(item);
      range.items.push_back('\n');
    }
    select.Reset();
    task = stop;
  }
  return absl::OkStatus();
}

absl::Status Store::Mark(const char* name, uint64_t value, Batch& batch) {
  Get(kMark).BindUnsigned(0, value);
  Get(kMark).BindText(1, name);
  return Run(kMark, batch);
}

absl::Status Store::Run(Sql sql, Batch& batch) {
  ++batch.facts.rows;
  return Get(sql).Run();
}

}  // namespace remuda

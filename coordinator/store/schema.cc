#include "coordinator/store/schema.h"

#include <sqlite3.h>

#include <iterator>
#include <string>

#include "absl/status/statusor.h"
#include "base/random.h"
#include "coordinator/core/chunk.h"

namespace remuda {
namespace {

// Times are nanoseconds since 1970. States and kinds are the numbers of
// jobs/states.h and jobs/outcome.h. Chunks count kTasksPerChunk tasks.
constexpr char kTables[] = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- What never changes of a job.
CREATE TABLE definitions (
  job INTEGER PRIMARY KEY, key TEXT NOT NULL, document INTEGER NOT NULL,
  digest TEXT NOT NULL, tasks INTEGER NOT NULL, executor INTEGER NOT NULL,
  executor_reason TEXT NOT NULL, item_bytes_max INTEGER NOT NULL,
  list INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
  name TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL);

-- What changes, written at most once a transaction.
CREATE TABLE jobs (
  job INTEGER PRIMARY KEY, state INTEGER NOT NULL,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  pending INTEGER, running INTEGER, succeeded INTEGER, failed INTEGER,
  timed_out INTEGER, cancelled INTEGER, lost INTEGER, skipped INTEGER,
  attempts INTEGER, infrastructure_losses INTEGER,
  started_at INTEGER, finished_at INTEGER, reason TEXT NOT NULL);
CREATE INDEX jobs_live ON jobs (job) WHERE state < 4;

CREATE TABLE submissions (
  key TEXT PRIMARY KEY, first_job INTEGER NOT NULL,
  jobs INTEGER NOT NULL) WITHOUT ROWID;

-- The items of list sources: one JSON value a line.
CREATE TABLE items (
  job INTEGER, chunk INTEGER, lines BLOB NOT NULL,
  PRIMARY KEY (job, chunk)) WITHOUT ROWID;

-- States of tasks (coordinator/core/chunk.h); no row: all untouched.
CREATE TABLE chunks (
  job INTEGER, chunk INTEGER, version INTEGER NOT NULL, state BLOB NOT NULL,
  PRIMARY KEY (job, chunk)) WITHOUT ROWID;

-- Ranges of which something may still be running.
CREATE TABLE grants (
  id INTEGER PRIMARY KEY, job INTEGER NOT NULL, agent INTEGER NOT NULL,
  first INTEGER NOT NULL, count INTEGER NOT NULL, fence INTEGER NOT NULL,
  at INTEGER NOT NULL);

-- What agents sent of ended attempts (wire/attempt_records.h), as it came.
CREATE TABLE results (
  job INTEGER, chunk INTEGER, event INTEGER, first INTEGER NOT NULL,
  last INTEGER NOT NULL, agent INTEGER NOT NULL, executor INTEGER NOT NULL,
  records BLOB NOT NULL,
  PRIMARY KEY (job, chunk, event)) WITHOUT ROWID;

-- Output too big for a result. An empty piece at kLogBytesMax says that there
-- was more.
CREATE TABLE logs (
  job INTEGER, task INTEGER, fence INTEGER, stream INTEGER, offset INTEGER,
  bytes BLOB NOT NULL,
  PRIMARY KEY (job, task, fence, stream, offset)) WITHOUT ROWID;

CREATE TABLE agents (
  id INTEGER PRIMARY KEY, instance TEXT NOT NULL, name TEXT NOT NULL,
  body TEXT NOT NULL, registered_at INTEGER NOT NULL, left_at INTEGER);

-- The history (coordinator/store/history.h).
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,
  job INTEGER, body TEXT NOT NULL);

-- What is final stays final, whatever the code above gets wrong.
CREATE TRIGGER chunk_stays_final BEFORE UPDATE ON chunks
WHEN NOT remuda_chunk_may_become(OLD.state, NEW.state)
BEGIN SELECT RAISE(ABORT, 'a task would leave its final state'); END;
CREATE TRIGGER chunk_version_rises BEFORE UPDATE ON chunks
WHEN NEW.version <= OLD.version
BEGIN SELECT RAISE(ABORT, 'a chunk would go back to an older version'); END;
CREATE TRIGGER job_stays_final BEFORE UPDATE ON jobs
WHEN OLD.state >= 4 AND NEW.state != OLD.state
BEGIN SELECT RAISE(ABORT, 'a job would leave its final state'); END;
CREATE TRIGGER definition_stays BEFORE UPDATE ON definitions
BEGIN SELECT RAISE(ABORT, 'an accepted job would change'); END;
CREATE TRIGGER event_stays BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the history would change'); END;
)sql";

// What each version added to the tables of the one before; the first stands
// above. A step that was released never changes.
constexpr const char* kSteps[] = {
    // 2: whose a job is. Only the jobs of named owners cost an index entry.
    R"sql(
ALTER TABLE definitions ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX definitions_by_owner ON definitions (owner) WHERE owner <> '';
)sql",
    // 3: what agents noticed of a job's code.
    R"sql(
CREATE TABLE findings (
  job INTEGER, place INTEGER, body TEXT NOT NULL,
  PRIMARY KEY (job, place)) WITHOUT ROWID;
)sql",
    // 4: what attempts used, in sums (jobs/verdict/evidence_json.h): of each
    // kind of work, and of each job of more than a few attempts.
    R"sql(
CREATE TABLE evidence (
  owner TEXT, type TEXT, function TEXT, executor INTEGER, cores INTEGER,
  last_job INTEGER NOT NULL, updated_at INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (owner, type, function, executor, cores)) WITHOUT ROWID;
CREATE TABLE job_evidence (
  job INTEGER, cores INTEGER, body TEXT NOT NULL,
  PRIMARY KEY (job, cores)) WITHOUT ROWID;
)sql",
    // 5: jobs that change their executor, and what was learned of kinds of
    // work (coordinator/store/choice_keeper.h).
    R"sql(
ALTER TABLE jobs ADD COLUMN executor INTEGER;
ALTER TABLE jobs ADD COLUMN executor_reason TEXT;
ALTER TABLE jobs ADD COLUMN moves INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_evidence RENAME TO job_evidence_4;
CREATE TABLE job_evidence (
  job INTEGER, executor INTEGER, cores INTEGER, body TEXT NOT NULL,
  PRIMARY KEY (job, executor, cores)) WITHOUT ROWID;
INSERT INTO job_evidence SELECT e.job, d.executor, e.cores, e.body
  FROM job_evidence_4 e JOIN definitions d ON d.job = e.job;
DROP TABLE job_evidence_4;
CREATE TABLE choices (
  owner TEXT, type TEXT, function TEXT, cores INTEGER,
  updated_at INTEGER NOT NULL UNIQUE, body TEXT NOT NULL,
  PRIMARY KEY (owner, type, function, cores)) WITHOUT ROWID;
)sql",
};
static_assert(std::size(kSteps) + 1 == kSchemaVersion);

std::string BytesOf(sqlite3_value* value) {
  const void* bytes = sqlite3_value_blob(value);
  const int size = sqlite3_value_bytes(value);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}

// SQL: remuda_chunk_may_become(old state, new state) -> 0 or 1.
void ChunkMayBecome(sqlite3_context* context, int, sqlite3_value** values) {
  const auto before = ChunkState::Decode(BytesOf(values[0]));
  const auto after = ChunkState::Decode(BytesOf(values[1]));
  if (!before.ok() || !after.ok()) {
    sqlite3_result_error(context, "not a chunk of task states", -1);
    return;
  }
  sqlite3_result_int(context, after->KeepsTerminal(*before) ? 1 : 0);
}

absl::StatusOr<int64_t> UserVersion(Database& database) {
  absl::StatusOr<Statement> statement = database.Prepare("PRAGMA user_version");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  return statement->Int(0);
}

}  // namespace

absl::Status PrepareSchema(Database& database) {
  const int code = sqlite3_create_function_v2(
      database.handle(), "remuda_chunk_may_become", 2,
      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
      ChunkMayBecome, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return absl::InternalError(sqlite3_errstr(code));

  const absl::StatusOr<int64_t> version = UserVersion(database);
  if (!version.ok()) return version.status();
  if (*version == kSchemaVersion) return absl::OkStatus();
  if (*version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        "the data folder was written by a newer Remuda (format " +
        std::to_string(*version) + ", this one knows " +
        std::to_string(kSchemaVersion) + "): use that version or a new folder");
  }
  std::string sql = "BEGIN IMMEDIATE;";
  if (*version == 0) {
    sql += std::string(kTables) + "INSERT INTO meta VALUES ('generation', '" +
           RandomHex(16) + "'), ('last_grant', 0), ('term', 0);";
  }
  const int64_t steps_done = *version == 0 ? 0 : *version - 1;
  for (size_t step = static_cast<size_t>(steps_done); step < std::size(kSteps);
       ++step) {
    sql += kSteps[step];
  }
  return database.Execute(sql + "PRAGMA user_version = " +
                          std::to_string(kSchemaVersion) + ";COMMIT;");
}

}  // namespace remuda

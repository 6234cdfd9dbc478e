#include "coordinator/store/database.h"

#include <sqlite3.h>

#include <utility>

#include "base/check.h"
#include "coordinator/store/joined_writes.h"

namespace remuda {
namespace {

absl::Status SqliteError(sqlite3* database, int code) {
  std::string text =
      database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError("the disk is full: " + text);
    case SQLITE_CONSTRAINT:
      return absl::FailedPreconditionError(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    default:
      return absl::InternalError(text + " (SQLite code " +
                                 std::to_string(code) + ")");
  }
}

}  // namespace

Statement::Statement(sqlite3* database, sqlite3_stmt* statement)
    : database_(database), statement_(statement) {}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)),
      statement_(std::exchange(other.statement_, nullptr)),
      bind_error_(std::exchange(other.bind_error_, SQLITE_OK)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(statement_, other.statement_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

void Statement::Bind(int parameter, int64_t value) {
  const int code = sqlite3_bind_int64(statement_, parameter + 1, value);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::BindText(int parameter, std::string_view value) {
  const int code = sqlite3_bind_text64(
      statement_, parameter + 1, value.data() == nullptr ? "" : value.data(),
      value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::BindBytes(int parameter, std::string_view value) {
  const int code = sqlite3_bind_blob64(
      statement_, parameter + 1, value.data() == nullptr ? "" : value.data(),
      value.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::BindNull(int parameter) {
  const int code = sqlite3_bind_null(statement_, parameter + 1);
  if (code != SQLITE_OK) bind_error_ = code;
}

absl::StatusOr<bool> Statement::Step() {
  const int code =
      bind_error_ != SQLITE_OK ? bind_error_ : sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  absl::Status status = absl::OkStatus();
  if (code != SQLITE_DONE) status = SqliteError(database_, code);
  Reset();
  if (!status.ok()) return status;
  return false;
}

absl::Status Statement::Run() {
  absl::StatusOr<bool> row = Step();
  while (row.ok() && *row) row = Step();
  return row.status();
}

void Statement::Reset() {
  // Repeats the error that Step() has already told.
  sqlite3_reset(statement_);
  bind_error_ = SQLITE_OK;
}

int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Statement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

absl::StatusOr<Database> Database::Open(const std::string& path, Mode mode) {
  // Counting what it allocates costs SQLite a lock each time. Refused, and
  // only slower, where somebody else in the process has begun with it.
  static const int kUncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)kUncounted;
  const int flags = mode == Mode::kReadOnly
                        ? SQLITE_OPEN_READONLY
                        : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                      mode == Mode::kReadWrite ? JoinedWritesVfs() : nullptr);
  Database database(handle);
  if (code != SQLITE_OK) return SqliteError(handle, code);
  return database;
}

Database::~Database() {
  if (database_ != nullptr) sqlite3_close_v2(database_);
}

Database::Database(Database&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(database_, other.database_);
  return *this;
}

absl::StatusOr<Statement> Database::Prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(
      database_, sql.c_str(), static_cast<int>(sql.size() + 1),
      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return SqliteError(database_, code);
  CHECK(statement != nullptr);
  return Statement(database_, statement);
}

absl::Status Database::Execute(const std::string& sql) {
  const int code =
      sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return SqliteError(database_, code);
  return absl::OkStatus();
}

int64_t Database::changed_rows() const { return sqlite3_changes64(database_); }

void Database::CountLogPages(int* pages) {
  sqlite3_wal_hook(
      database_,
      [](void* kept, sqlite3*, const char*, int now) {
        *static_cast<int*>(kept) = now;
        return SQLITE_OK;
      },
      pages);
}

}  // namespace remuda

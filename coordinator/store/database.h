#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace remuda {

// One SQL statement, prepared once and used many times. Parameters and columns
// count from 0. A parameter that SQLite refuses shows as Step()'s error.
//
// Thread: that of its Database.
// Lifetime: ends before its Database. Text and bytes that were bound are
// borrowed until the next Reset(); columns are valid until the next Step() or
// Reset().
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* database, sqlite3_stmt* statement);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  void Bind(int parameter, int64_t value);
  void BindUnsigned(int parameter, uint64_t value) {
    Bind(parameter, static_cast<int64_t>(value));
  }
  void BindText(int parameter, std::string_view value);
  void BindBytes(int parameter, std::string_view value);
  void BindNull(int parameter);

  // True: there is a row to read. False: the end, already reset.
  absl::StatusOr<bool> Step();

  // For statements without rows: steps to the end and resets.
  absl::Status Run();

  void Reset();

  int64_t Int(int column) const;
  uint64_t Unsigned(int column) const {
    return static_cast<uint64_t>(Int(column));
  }
  std::string_view Bytes(int column) const;
  std::string Text(int column) const { return std::string(Bytes(column)); }
  bool IsNull(int column) const;

 private:
  sqlite3* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
  int bind_error_ = 0;
};

// One connection to an SQLite file. Knows nothing of what is stored.
//
// Errors of all methods: ResourceExhausted if the disk is full,
// FailedPrecondition if a constraint or trigger refused, Unavailable if
// somebody else holds the file, DataLoss if the file is damaged or is no
// database, Internal for the rest (input and output).
//
// Thread: confined to its owner.
class Database {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  static absl::StatusOr<Database> Open(const std::string& path, Mode mode);

  Database() = default;
  ~Database();
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;

  absl::StatusOr<Statement> Prepare(const std::string& sql);

  // Runs statements without parameters; rows are dropped.
  absl::Status Execute(const std::string& sql);

  // Rows that the last INSERT, UPDATE or DELETE changed.
  int64_t changed_rows() const;

  // Keeps in `pages`, which outlives this, how long the write-ahead log is;
  // as of the last commit.
  void CountLogPages(int* pages);

  sqlite3* handle() { return database_; }

 private:
  explicit Database(sqlite3* database) : database_(database) {}

  sqlite3* database_ = nullptr;
};

}  // namespace remuda

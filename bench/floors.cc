#include "bench/floors.h"

#include <fcntl.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/file_descriptor.h"

extern char** environ;

namespace remuda {
namespace {

// How often something was done until the time was over.
class Rate {
 public:
  explicit Rate(Duration how_long) : end_(clock_.Now() + how_long) {}

  bool over() { return clock_.Now() >= end_; }
  double Of(double count) const {
    return count / std::chrono::duration<double>(clock_.Now() - start_).count();
  }

 private:
  const SystemClock clock_;
  const MonotonicTime start_ = clock_.Now();
  const MonotonicTime end_;
};

// Removes the file, and what SQLite puts beside it.
class Scratch {
 public:
  explicit Scratch(std::string path) : path_(std::move(path)) { Remove(); }
  ~Scratch() { Remove(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }

 private:
  void Remove() {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      ::unlink((path_ + suffix).c_str());
    }
  }
  const std::string path_;
};

absl::Status Execute(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return absl::InternalError(sqlite3_errmsg(database));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> InsertUntil(sqlite3* database, size_t rows,
                                   Duration how_long) {
  absl::Status status =
      Execute(database,
              "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
              "CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)");
  if (!status.ok()) return status;
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(database, "INSERT INTO rows (body) VALUES (?)", -1, &raw,
                     nullptr);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> insert(
      raw, sqlite3_finalize);
  const std::string body(64, 'x');
  double count = 0;
  for (Rate rate(how_long);;) {
    status = Execute(database, "BEGIN IMMEDIATE");
    for (size_t i = 0; status.ok() && i < rows; ++i) {
      sqlite3_bind_blob(raw, 1, body.data(), static_cast<int>(body.size()),
                        SQLITE_STATIC);
      if (sqlite3_step(raw) != SQLITE_DONE) {
        status = absl::InternalError(sqlite3_errmsg(database));
      }
      sqlite3_reset(raw);
    }
    if (status.ok()) status = Execute(database, "COMMIT");
    if (!status.ok()) return status;
    count += static_cast<double>(rows);
    if (rate.over()) return rate.Of(count);
  }
}

}  // namespace

absl::StatusOr<double> AppendsPerSecond(const std::string& folder,
                                        Duration how_long) {
  const Scratch scratch(folder + "/appends");
  const UniqueFd file(::open(scratch.path().c_str(),
                             O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoStatus(errno, scratch.path());
  const std::string block(4096, 'x');
  double count = 0;
  for (Rate rate(how_long);;) {
    if (::write(file.get(), block.data(), block.size()) !=
            static_cast<ssize_t>(block.size()) ||
        ::fdatasync(file.get()) != 0) {
      return ErrnoStatus(errno, scratch.path());
    }
    ++count;
    if (rate.over()) return rate.Of(count);
  }
}

absl::StatusOr<double> SqliteRowsPerSecond(const std::string& folder,
                                           size_t rows, Duration how_long) {
  const Scratch scratch(folder + "/rows.sqlite");
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open(scratch.path().c_str(), &raw);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(raw,
                                                             sqlite3_close);
  if (opened != SQLITE_OK) return absl::InternalError(sqlite3_errmsg(raw));
  return InsertUntil(raw, rows, how_long);
}

absl::StatusOr<double> SpawnsPerSecond(size_t at_once, Duration how_long) {
  std::string program = "/bin/true";
  char* const arguments[] = {program.data(), nullptr};
  size_t running = 0;
  double ended = 0;
  for (Rate rate(how_long);;) {
    while (running < at_once && !rate.over()) {
      pid_t pid = 0;
      errno = ::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments,
                            environ);
      if (errno != 0) return ErrnoStatus(errno, program);
      ++running;
    }
    if (running == 0) return rate.Of(ended);
    if (::waitpid(-1, nullptr, 0) < 0) return ErrnoStatus(errno, "waitpid");
    --running;
    ++ended;
  }
}

}  // namespace remuda

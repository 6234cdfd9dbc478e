#include "coordinator/store/joined_writes.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "base/random.h"

namespace remuda {
namespace {

constexpr int kPageBytes = 4'096;
constexpr int kFrameBytes = kPageBytes + 24;
constexpr int kLogHeaderBytes = 32;

class Connection {
 public:
  Connection(const std::string& path, const char* vfs) {
    CHECK(sqlite3_open_v2(path.c_str(), &handle_,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                          vfs) == SQLITE_OK);
  }
  ~Connection() { sqlite3_close_v2(handle_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int Try(const std::string& sql) {
    return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  }
  void Do(const std::string& sql) {
    const int code = Try(sql);
    ASSERT_EQ(code, SQLITE_OK) << sqlite3_errmsg(handle_) << ": " << sql;
  }
  std::string Ask(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    CHECK(sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) ==
          SQLITE_OK);
    std::string value;
    if (sqlite3_step(statement) == SQLITE_ROW) {
      value = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return value;
  }

 private:
  sqlite3* handle_ = nullptr;
};

class JoinedWritesTest : public ::testing::Test {
 protected:
  JoinedWritesTest()
      : folder_(
            std::string(::testing::TempDir()) + "/joined_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        path_(folder_ + "/db") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    CHECK(JoinedWritesVfs() != nullptr);
  }
  ~JoinedWritesTest() override { std::filesystem::remove_all(folder_); }

  static void Begin(Connection& writer) {
    writer.Do(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
        "PRAGMA wal_autocheckpoint = 0; "
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, bytes BLOB); "
        "CREATE INDEX t_at ON t (at)");
  }

  // What somebody would find if the process were killed now.
  std::string AfterKill(const std::string& sql) {
    const std::string copy = folder_ + "/copy";
    std::filesystem::remove_all(copy);
    std::filesystem::create_directories(copy);
    std::filesystem::copy(path_, copy + "/db");
    if (std::filesystem::exists(path_ + "-wal")) {
      std::filesystem::copy(path_ + "-wal", copy + "/db-wal");
    }
    Connection other(copy + "/db", nullptr);
    EXPECT_EQ(other.Ask("PRAGMA integrity_check"), "ok");
    return other.Ask(sql);
  }

  const std::string folder_;
  const std::string path_;
};

constexpr char kSum[] =
    "SELECT count(*) || ' ' || total(id) || ' ' || total(at) || ' ' || "
    "total(length(bytes)) FROM t";

TEST_F(JoinedWritesTest, ACommitIsInTheFileWhenItReturns) {
  Connection writer(path_, JoinedWritesVfs());
  Begin(writer);
  Connection reader(path_, nullptr);
  for (int i = 1; i <= 20; ++i) {
    writer.Do("INSERT INTO t VALUES (" + std::to_string(i) +
              ", 1, zeroblob(3000))");
    const auto size = std::filesystem::file_size(path_ + "-wal");
    EXPECT_EQ((size - kLogHeaderBytes) % kFrameBytes, 0u);
    EXPECT_EQ(reader.Ask("SELECT count(*) FROM t"), std::to_string(i));
    EXPECT_EQ(AfterKill("SELECT count(*) FROM t"), std::to_string(i));
  }
}

// Transactions of all sizes, with a cache so small that SQLite writes pages
// before their commit, reads them again, writes them a second time and mends
// the checksums of all that follow; rolled back ones; a log that begins anew.
TEST_F(JoinedWritesTest, AnythingCommittedIsFoundAfterAKill) {
  Connection writer(path_, JoinedWritesVfs());
  Begin(writer);
  writer.Do("PRAGMA cache_size = 10");
  Connection reader(path_, nullptr);
  Random random(7);
  const auto upto = [&random](int most) {
    return static_cast<int>(random.Below(static_cast<uint64_t>(most))) + 1;
  };
  std::string committed = writer.Ask(kSum);
  for (int round = 0; round < 120; ++round) {
    writer.Do("BEGIN IMMEDIATE");
    for (int i = upto(round % 10 == 0 ? 200 : 8); i > 0; --i) {
      const std::string id = std::to_string(upto(400));
      switch (upto(4)) {
        case 1:
          writer.Do("DELETE FROM t WHERE id = " + id);
          break;
        case 2:
          writer.Do("UPDATE t SET at = at + 1 WHERE id < " + id);
          break;
        default:
          writer.Do("INSERT OR REPLACE INTO t VALUES (" + id + ", " +
                    std::to_string(upto(1'000)) + ", zeroblob(" +
                    std::to_string(upto(9'000)) + "))");
      }
    }
    EXPECT_EQ(reader.Ask(kSum), committed);
    if (upto(5) == 1) {
      writer.Do("ROLLBACK");
    } else {
      committed = writer.Ask(kSum);
      writer.Do("COMMIT");
    }
    EXPECT_EQ(writer.Ask(kSum), committed);
    EXPECT_EQ(reader.Ask(kSum), committed);
    ASSERT_EQ(AfterKill(kSum), committed) << "round " << round;
    if (upto(9) == 1) {
      writer.Do(upto(2) == 1 ? "PRAGMA wal_checkpoint(RESTART)"
                             : "PRAGMA wal_checkpoint(TRUNCATE)");
      ASSERT_EQ(AfterKill(kSum), committed) << "round " << round;
    }
  }
}

TEST_F(JoinedWritesTest, AWriteThatFailsFailsItsCommit) {
  Connection writer(path_, JoinedWritesVfs());
  Begin(writer);
  writer.Do("INSERT INTO t VALUES (1, 1, zeroblob(100))");
  const auto size = std::filesystem::file_size(path_ + "-wal");

  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = size + kFrameBytes / 2;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const int code = writer.Try("INSERT INTO t VALUES (2, 1, zeroblob(100))");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);

  EXPECT_NE(code, SQLITE_OK);
  EXPECT_EQ(AfterKill("SELECT count(*) FROM t"), "1");
  writer.Do("INSERT INTO t VALUES (3, 1, zeroblob(100))");
  EXPECT_EQ(AfterKill("SELECT group_concat(id) FROM t"), "1,3");
}

}  // namespace
}  // namespace remuda

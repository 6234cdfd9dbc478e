#include "jobs/lock_file.h"

#include <gtest/gtest.h>

#include <string>

namespace remuda {
namespace {

std::string FirstError(const std::string& text) {
  const LockResult result = ParseLock(text, "remuda.lock.yaml");
  return result.errors.empty() ? "" : ToText(result.errors.front());
}

constexpr char kHead[] = "apiVersion: remuda/v1\nkind: Lock\nexecutors:\n";

TEST(LockFileTest, IsReadBackAsItWasWritten) {
  const std::vector<LockEntry> entries = {
      {.type = "python",
       .function = "rows:clean",
       .executor = ExecutorKind::kThreadPool,
       .reason = "12x of process-pool: \"measured\" over 412 tasks",
       .gain = 12.3,
       .since = "2026-11-28"},
      {.type = "zoo.sleeps", .executor = ExecutorKind::kProcessPool}};
  const LockResult read = ParseLock(LockText(entries), "x");
  EXPECT_TRUE(read.errors.empty());
  EXPECT_EQ(read.entries, entries);
  EXPECT_EQ(FindLock(entries, "python", "rows:clean"), &entries[0]);
  EXPECT_EQ(FindLock(entries, "python", "rows:other"), nullptr);
  EXPECT_TRUE(ParseLock(LockText({}), "x").errors.empty());
}

TEST(LockFileTest, ErrorsSayWhereAndHowToMendThem) {
  EXPECT_EQ(FirstError(std::string(kHead) + "  - {type: a, executer: async}\n"),
            "remuda.lock.yaml:4:5: 'executor' is missing");
  EXPECT_NE(FirstError(std::string(kHead) +
                       "  - {type: a, executor: async, gian: 2}\n")
                .find("remuda.lock.yaml:4:32: unknown key 'gian', did you "
                      "mean 'gain'?"),
            std::string::npos);
  EXPECT_NE(
      FirstError(std::string(kHead) + "  - {type: a, executor: threads}\n")
          .find("'threads' is not an executor; use async, thread-pool"),
      std::string::npos);
  EXPECT_NE(FirstError(std::string(kHead) +
                       "  - {type: a, executor: async, gain: much}\n")
                .find("'gain' is a number over 0"),
            std::string::npos);
  EXPECT_NE(FirstError(std::string(kHead) + "  - {type: a, executor: async}\n"
                                            "  - {type: a, executor: async}\n")
                .find(":5:5: this kind of work is pinned twice"),
            std::string::npos);
  EXPECT_NE(FirstError("kind: Lock\nexecutors: []\n")
                .find("write 'apiVersion: remuda/v1'"),
            std::string::npos);
  EXPECT_NE(FirstError("[1]").find("a map with"), std::string::npos);
  EXPECT_NE(FirstError("a: [").find("remuda.lock.yaml:"), std::string::npos);
}

}  // namespace
}  // namespace remuda

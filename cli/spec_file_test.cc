#include "cli/spec_file.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace remuda {
namespace {

constexpr char kHead[] = "apiVersion: remuda/v1\nkind: Job\n";

class SpecFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = testing::TempDir() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
};

TEST_F(SpecFileTest, ReadsFilesBesideTheSpec) {
  Write("urls.txt", "a\n\nb\r\n");
  const SpecFile file = ReadSpecFile(
      Write("good.yaml", std::string(kHead) +
                             "metadata: {name: good}\n"
                             "spec: {type: noop, tasks: {lines: urls.txt}}\n"));
  ASSERT_TRUE(file.errors.empty()) << file.errors[0];
  ASSERT_EQ(file.jobs.size(), 1u);
  EXPECT_EQ(file.jobs[0].items.bytes(), "\"a\"\n\"b\"\n");
}

TEST_F(SpecFileTest, NamesWhatIsMissing) {
  const SpecFile file = ReadSpecFile(Write(
      "missing.yaml", std::string(kHead) +
                          "metadata: {name: bad}\n"
                          "spec: {type: noop, tasks: {lines: nowhere.txt}}\n"));
  ASSERT_EQ(file.errors.size(), 1u);
  EXPECT_NE(file.errors[0].find("missing.yaml"), std::string::npos);
  EXPECT_NE(file.errors[0].find("nowhere.txt"), std::string::npos);
  EXPECT_TRUE(file.jobs.empty());
}

TEST_F(SpecFileTest, SaysWhyTheSpecItselfCannotBeRead) {
  EXPECT_NE(ReadSpecFile("/nonexistent/x.yaml").errors.at(0).find("No such"),
            std::string::npos);
  EXPECT_NE(ReadSpecFile(testing::TempDir()).errors.at(0).find("a folder"),
            std::string::npos);
}

TEST_F(SpecFileTest, ALockBesideItPinsWhatLeavesTheChoice) {
  const std::string folder = testing::TempDir() + "/locked";
  std::filesystem::create_directories(folder);
  const auto write_lock = [&](const std::string& entry) {
    Write("locked/remuda.lock.yaml",
          "apiVersion: remuda/v1\nkind: Lock\nexecutors:\n  - " + entry + "\n");
  };
  const std::string path =
      Write("locked/spec.yaml",
            std::string(kHead) +
                "metadata: {name: one}\nspec: {type: noop}\n---\n" + kHead +
                "metadata: {name: two}\n"
                "spec: {type: noop, executor: async}\n");
  write_lock("{type: noop, executor: thread-pool, reason: why}");
  const SpecFile file = ReadSpecFile(path);
  ASSERT_TRUE(file.errors.empty()) << file.errors[0];
  EXPECT_EQ(file.jobs[0].job.executor.pinned, ExecutorKind::kThreadPool);
  EXPECT_EQ(file.jobs[0].job.executor.pinned_reason, "why");
  EXPECT_FALSE(file.jobs[1].job.executor.pinned.has_value());

  write_lock("{type: noop, executor: threads}");
  const SpecFile bad = ReadSpecFile(path);
  ASSERT_EQ(bad.errors.size(), 1u);
  EXPECT_NE(bad.errors[0].find("remuda.lock.yaml:4:28: 'threads' is not"),
            std::string::npos)
      << bad.errors[0];
  EXPECT_TRUE(bad.jobs.empty());
}

}  // namespace
}  // namespace remuda

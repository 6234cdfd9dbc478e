#include "executors/process_pool/output_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace remuda {
namespace {

namespace fs = std::filesystem;

class OutputFilesTest : public testing::Test {
 protected:
  OutputFilesTest() {
    std::string pattern = (fs::temp_directory_path() / "files-XXXXXX").string();
    base_ = mkdtemp(pattern.data());
    folder_ = base_ + "/work";
    rules_.to = base_ + "/to/deep";
    fs::create_directories(folder_);
  }
  ~OutputFilesTest() override { fs::remove_all(base_); }

  void Write(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(folder_ + "/" + name).parent_path());
    std::ofstream(folder_ + "/" + name) << text;
  }
  static std::string Read(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  absl::StatusOr<std::vector<OutputFile>> Collect(uint32_t fence = 1) {
    return CollectOutputs(folder_, rules_, {JobId{3}, 5, Fence{fence}});
  }
  // What is in the folder of results, hidden names included.
  std::vector<std::string> Places() const {
    std::vector<std::string> names;
    if (!fs::exists(rules_.to)) return names;
    for (const auto& entry : fs::directory_iterator(rules_.to)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  std::string base_;
  std::string folder_;
  OutputRules rules_;
};

TEST_F(OutputFilesTest, MovesWhatFitsUnderItsName) {
  Write("a.txt", "one");
  Write("b.txt", "three");
  Write("out/c.bin", "");
  Write("notes.log", "left alone");
  Write(".hidden.txt", "not asked for");
  rules_.files = {"*.txt", "out/*", "a.txt"};
  const auto files = Collect();
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 3u);
  EXPECT_EQ(files->at(0).path, rules_.to + "/5/a.txt");
  EXPECT_EQ(files->at(1).bytes, 5u);
  EXPECT_EQ(files->at(2).path, rules_.to + "/5/out/c.bin");
  EXPECT_EQ(Read(files->at(1).path), "three");
  EXPECT_EQ(Places(), std::vector<std::string>{"5"});
}

TEST_F(OutputFilesTest, ALaterAttemptTakesThePlace) {
  rules_.files = {"*"};
  Write("old", "x");
  Write("both", "old");
  ASSERT_TRUE(Collect(1).ok());
  Write("both", "new");
  ASSERT_TRUE(Collect(2).ok());
  EXPECT_FALSE(fs::exists(rules_.to + "/5/old"));
  EXPECT_EQ(Read(rules_.to + "/5/both"), "new");
  EXPECT_EQ(Places(), std::vector<std::string>{"5"});
}

TEST_F(OutputFilesTest, AnErrorLeavesWhatWasThere) {
  rules_.files = {"a"};
  Write("a", "first");
  ASSERT_TRUE(Collect().ok());
  Write("b", "x");
  const auto missing = Collect(2);
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
  EXPECT_NE(missing.status().message().find("'a'"), std::string::npos);
  EXPECT_EQ(Read(rules_.to + "/5/a"), "first");
  EXPECT_EQ(Places(), std::vector<std::string>{"5"});
}

TEST_F(OutputFilesTest, NothingLeadsOutOfTheFolder) {
  std::ofstream(base_ + "/secret") << "secret";
  fs::create_symlink(base_ + "/secret", folder_ + "/link");
  rules_.files = {"l*"};
  EXPECT_TRUE(absl::IsFailedPrecondition(Collect().status()));
  fs::create_directory_symlink(base_, folder_ + "/up");
  rules_.files = {"up/*"};
  EXPECT_TRUE(absl::IsFailedPrecondition(Collect().status()));
  ASSERT_EQ(mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  rules_.files = {"pipe"};
  EXPECT_TRUE(absl::IsFailedPrecondition(Collect().status()));
  EXPECT_EQ(Read(base_ + "/secret"), "secret");
}

TEST_F(OutputFilesTest, TooManyFilesAreRefused) {
  for (size_t i = 0; i <= kOutputFilesMax; ++i) {
    Write(std::to_string(i), "");
  }
  rules_.files = {"*"};
  EXPECT_TRUE(absl::IsResourceExhausted(Collect().status()));
}

TEST_F(OutputFilesTest, AFolderThatCannotBeWrittenIsNamed) {
  Write("a", "x");
  rules_.files = {"a"};
  std::ofstream(base_ + "/file") << "x";
  rules_.to = base_ + "/file";
  const auto files = Collect();
  ASSERT_FALSE(files.ok());
  EXPECT_NE(files.status().message().find(base_ + "/file"), std::string::npos)
      << files.status();
}

// The memory file system is another one than that of the test's folder.
TEST_F(OutputFilesTest, AnotherFileSystemGetsACopy) {
  std::string shared = "/dev/shm/files-XXXXXX";
  if (mkdtemp(shared.data()) == nullptr) GTEST_SKIP() << "no /dev/shm";
  struct stat here {};
  struct stat there {};
  stat(folder_.c_str(), &here);
  stat(shared.c_str(), &there);
  const std::string text(3 << 20, 'x');
  Write("large", text);
  rules_.files = {"large"};
  rules_.to = shared;
  const auto files = Collect();
  const std::string copied = Read(shared + "/5/large");
  fs::remove_all(shared);
  if (here.st_dev == there.st_dev) GTEST_SKIP() << "/dev/shm is no other disk";
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->at(0).bytes, text.size());
  EXPECT_TRUE(copied == text);
}

}  // namespace
}  // namespace remuda

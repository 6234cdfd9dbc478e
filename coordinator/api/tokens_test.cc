#include "coordinator/api/tokens.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "wire/private_file.h"

namespace remuda {
namespace {

class TokensTest : public testing::Test {
 protected:
  TokensTest()
      : folder_(testing::TempDir() + "/tokens_" +
                testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
  }
  ~TokensTest() override { std::filesystem::remove_all(folder_); }

  std::string Make(const std::string& name, const std::string& role) {
    absl::StatusOr<std::string> token = Tokens::Make(folder_, name, role);
    EXPECT_TRUE(token.ok()) << token.status();
    return token.ok() ? *token : "";
  }
  Tokens::Read Read() {
    absl::StatusOr<Tokens::Read> read = Tokens::ReadFolder(folder_);
    EXPECT_TRUE(read.ok()) << read.status();
    return *std::move(read);
  }
  std::string Path(const std::string& name) const {
    return folder_ + "/" + name + ".json";
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(Path(name)) << text;
    chmod(Path(name).c_str(), 0600);
  }

  const std::string folder_;
};

TEST_F(TokensTest, WhatWasMadeIsFound) {
  const std::string alice = Make("alice", "submitter");
  const std::string boss = Make("boss", "operator");
  EXPECT_EQ(alice.size(), 4u + 43u);
  EXPECT_TRUE(alice.starts_with("rmd_"));
  const Tokens tokens = Read().tokens;
  EXPECT_EQ(tokens.size(), 2u);
  ASSERT_NE(tokens.Find(alice), nullptr);
  EXPECT_EQ(tokens.Find(alice)->identity,
            (Identity{.role = Role::kSubmitter, .name = "alice"}));
  EXPECT_EQ(tokens.Find(boss)->identity.role, Role::kOperator);
  EXPECT_EQ(tokens.Find(""), nullptr);
  EXPECT_EQ(tokens.Find(alice + "x"), nullptr);
  EXPECT_EQ(tokens.Find(alice.substr(0, 46)), nullptr);
}

TEST_F(TokensTest, TheFileTellsNobodyTheToken) {
  const std::string token = Make("alice", "viewer");
  std::ifstream in(Path("alice"));
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str().find(token.substr(4)), std::string::npos);
  struct stat info = {};
  ASSERT_EQ(stat(Path("alice").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(TokensTest, ANameHasOneToken) {
  const std::string token = Make("alice", "viewer");
  EXPECT_TRUE(absl::IsAlreadyExists(
      Tokens::Make(folder_, "alice", "operator").status()));
  const Tokens before = Read().tokens;
  std::filesystem::remove(Path("alice"));
  const Tokens after = Read().tokens;
  EXPECT_TRUE(before.Has(*before.Find(token)));
  EXPECT_FALSE(after.Has(*before.Find(token)));
  // The same name again is another token, and the old one stays shut.
  Make("alice", "viewer");
  EXPECT_FALSE(Read().tokens.Has(*before.Find(token)));
  EXPECT_EQ(Read().tokens.Find(token), nullptr);
}

TEST_F(TokensTest, NamesAndRolesAreChecked) {
  for (const char* name :
       {"", "A", "a/b", "..", "-a", ".a", "a b", "\xc3\xa4"}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(Tokens::Make(folder_, name, "viewer").status()))
        << name;
  }
  EXPECT_FALSE(Tokens::Make(folder_, std::string(64, 'a'), "viewer").ok());
  for (const char* role : {"", "agent", "local", "root"}) {
    EXPECT_FALSE(Tokens::Make(folder_, "a", role).ok()) << role;
  }
}

TEST_F(TokensTest, FilesThatAreWrongCountForNothing) {
  const std::string token = Make("good", "viewer");
  const std::string hash(64, 'a');
  Write("text", "hello");
  Write("list", "[]");
  Write("other", R"({"name":"x","role":"viewer","sha256":")" + hash + "\"}");
  Write("agent", R"({"name":"agent","role":"agent","sha256":")" + hash + "\"}");
  Write("short", R"({"name":"short","role":"viewer","sha256":"aa"})");
  Write("long",
        R"({"name":"long","role":"viewer","sha256":")" + hash + "aa\"}");
  Write("huge", std::string(kKeyFileBytesMax + 1, ' '));
  Write("open", R"({"name":"open","role":"viewer","sha256":")" + hash + "\"}");
  chmod(Path("open").c_str(), 0666);
  std::filesystem::create_directory(Path("folder"));
  std::ofstream(folder_ + "/readme.txt") << "not looked at";
  const Tokens::Read read = Read();
  EXPECT_EQ(read.tokens.size(), 1u);
  EXPECT_NE(read.tokens.Find(token), nullptr);
  EXPECT_EQ(read.problems.size(), 9u);
  EXPECT_FALSE(Tokens::ReadFolder(folder_ + "/missing").ok());
}

// Links to files in a dated folder, as Kubernetes mounts a Secret.
TEST_F(TokensTest, AMountedFolderIsRead) {
  const std::string token = Make("good", "viewer");
  std::filesystem::create_directory(folder_ + "/..2026");
  std::filesystem::rename(Path("good"), folder_ + "/..2026/good.json");
  std::filesystem::create_symlink("..2026", folder_ + "/..data");
  std::filesystem::create_symlink("..data/good.json", Path("good"));
  const Tokens::Read read = Read();
  EXPECT_NE(read.tokens.Find(token), nullptr);
  EXPECT_TRUE(read.problems.empty());
}

}  // namespace
}  // namespace remuda

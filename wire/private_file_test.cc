#include "wire/private_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace remuda {
namespace {

class PrivateFileTest : public testing::Test {
 protected:
  PrivateFileTest() {
    std::string pattern = testing::TempDir() + "/private_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~PrivateFileTest() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name, mode_t mode,
                   const std::string& content = "text") {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << content;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  std::string folder_;
};

// What is said names the file and the command that mends it.
void ExpectMendable(const absl::Status& status, const std::string& path,
                    const std::string& command) {
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  const std::string said(status.message());
  EXPECT_NE(said.find(path), std::string::npos) << said;
  EXPECT_NE(said.find(command + path), std::string::npos) << said;
}

TEST_F(PrivateFileTest, ASecretIsForUsAlone) {
  for (const mode_t mode : {0600u, 0400u, 0700u}) {
    const auto read = ReadSecretFile(File("good", mode));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, "text");
    EXPECT_EQ(unlink((folder_ + "/good").c_str()), 0);
  }
  for (const mode_t mode : {0640u, 0604u, 0620u, 0660u, 0644u, 0666u}) {
    const std::string path = File("bad", mode);
    ExpectMendable(ReadSecretFile(path).status(), path, "chmod 600 ");
  }
}

TEST_F(PrivateFileTest, WhatAnyoneMayReadOnlyWeMayChange) {
  EXPECT_TRUE(ReadTrustedFile(File("open", 0644)).ok());
  const std::string path = File("bad", 0664);
  ExpectMendable(ReadTrustedFile(path).status(), path, "chmod go-w ");
}

TEST_F(PrivateFileTest, SecretsOfOthersAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const std::string path = File("theirs", 0600);
  ASSERT_EQ(chown(path.c_str(), 12'345, 12'345), 0);
  EXPECT_FALSE(ReadSecretFile(path).ok());
  EXPECT_FALSE(ReadTrustedFile(path).ok());
}

// As Kubernetes mounts a Secret: links of root to files of root.
TEST_F(PrivateFileTest, AMountedSecretMayBeReadByAGroup) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount for others";
  File("data", 0440);
  const std::string link = folder_ + "/link";
  ASSERT_EQ(symlink("data", link.c_str()), 0);
  EXPECT_TRUE(ReadSecretFile(link).ok()) << ReadSecretFile(link).status();
  // Not without the link, and not for all.
  EXPECT_FALSE(ReadSecretFile(folder_ + "/data").ok());
  ASSERT_EQ(chmod((folder_ + "/data").c_str(), 0444), 0);
  const absl::Status open = ReadSecretFile(link).status();
  EXPECT_NE(std::string(open.message()).find("defaultMode: 0440"),
            std::string::npos)
      << open;
  ASSERT_EQ(chmod((folder_ + "/data").c_str(), 0440), 0);
  ASSERT_EQ(lchown(link.c_str(), 12'345, 12'345), 0);
  EXPECT_FALSE(ReadSecretFile(link).ok());
}

TEST_F(PrivateFileTest, FoldersAreForUsAlone) {
  const std::string made = folder_ + "/made";
  ASSERT_TRUE(MakeSecretFolder(made).ok());
  ASSERT_TRUE(MakeSecretFolder(made).ok());
  ASSERT_EQ(chmod(made.c_str(), 0750), 0);
  ExpectMendable(CheckSecretFolder(made), made, "chmod 700 ");
  EXPECT_TRUE(CheckTrustedFolder(made).ok());
  ASSERT_EQ(chmod(made.c_str(), 0770), 0);
  ExpectMendable(CheckTrustedFolder(made), made, "chmod go-w ");
  // The root of a mounted Secret.
  if (geteuid() != 0) return;
  ASSERT_EQ(symlink("..2026", (made + "/..data").c_str()), 0);
  ASSERT_EQ(chmod(made.c_str(), 01777), 0);
  EXPECT_TRUE(CheckSecretFolder(made).ok()) << CheckSecretFolder(made);
}

TEST_F(PrivateFileTest, WhatRootPreparedForUsIsAsItIs) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be two users";
  // A folder of root's that all may look into: fine for others, not for root.
  ExpectMendable(CheckSecretFolder("/etc"), "/etc", "chmod 700 ");
  ASSERT_EQ(seteuid(12'345), 0);
  const absl::Status others = CheckSecretFolder("/etc");
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_TRUE(others.ok()) << others;
}

TEST_F(PrivateFileTest, OtherThingsAreRefused) {
  EXPECT_EQ(ReadSecretFile(folder_ + "/none").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadSecretFile(folder_).status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadSecretFile(folder_ + "/pipe").status().code(),
            absl::StatusCode::kInvalidArgument);
  const std::string full =
      File("full", 0600, std::string(kKeyFileBytesMax, 'x'));
  EXPECT_EQ(ReadSecretFile(full)->size(), kKeyFileBytesMax);
  const std::string longer =
      File("longer", 0600, std::string(kKeyFileBytesMax + 1, 'x'));
  EXPECT_EQ(ReadSecretFile(longer).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(PrivateFileTest, WritesOnceAndWhole) {
  const std::string path = folder_ + "/new";
  ASSERT_TRUE(WriteNewSecretFile(path, "first").ok());
  EXPECT_EQ(WriteNewSecretFile(path, "second").code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadSecretFile(path), "first");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

}  // namespace
}  // namespace remuda

#include "executors/process_pool/work_folders.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "base/check.h"

namespace remuda {
namespace {

class WorkFoldersTest : public testing::Test {
 protected:
  WorkFoldersTest() {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    folders_.emplace(root_);
  }

  std::string Take() {
    auto folder = folders_->Take();
    CHECK_OK(folder);
    EXPECT_TRUE(std::filesystem::is_empty(*folder));
    return *std::move(folder);
  }

  const std::string root_ = testing::TempDir() + "/work_folders_test";
  std::optional<WorkFolders> folders_;
};

TEST_F(WorkFoldersTest, OneThatWasLeftEmptyIsUsedAgain) {
  const std::string folder = Take();
  EXPECT_NE(Take(), folder);  // in use
  folders_->Return(folder);
  EXPECT_EQ(Take(), folder);
}

TEST_F(WorkFoldersTest, OneWithAnythingInItIsRemoved) {
  const std::string folder = Take();
  std::filesystem::create_directories(folder + "/a/b");
  std::ofstream(folder + "/a/.hidden") << "x";
  folders_->Return(folder);
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_NE(Take(), folder);
}

TEST_F(WorkFoldersTest, OneThatIsNoLongerPrivateIsRemoved) {
  const std::string folder = Take();
  chmod(folder.c_str(), 0777);
  folders_->Return(folder);
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(WorkFoldersTest, WhatWasPutInItsPlaceIsNotUsed) {
  const std::string folder = Take();
  const std::string elsewhere = root_ + "/elsewhere";
  std::filesystem::create_directory(elsewhere);
  std::filesystem::remove(folder);
  std::filesystem::create_directory_symlink(elsewhere, folder);
  folders_->Return(folder);
  EXPECT_FALSE(
      std::filesystem::exists(std::filesystem::symlink_status(folder)));
  EXPECT_TRUE(std::filesystem::exists(elsewhere));
}

TEST_F(WorkFoldersTest, OneThatIsGoneIsForgotten) {
  const std::string folder = Take();
  std::filesystem::remove(folder);
  folders_->Return(folder);
  EXPECT_NE(Take(), folder);
}

TEST_F(WorkFoldersTest, NoMoreThanItsLimitAreKept) {
  std::vector<std::string> taken;
  for (size_t i = 0; i < WorkFolders::kSparesMax + 1; ++i) {
    taken.push_back(Take());
  }
  for (const std::string& folder : taken) folders_->Return(folder);
  EXPECT_TRUE(std::filesystem::exists(taken.front()));
  EXPECT_FALSE(std::filesystem::exists(taken.back()));
}

TEST_F(WorkFoldersTest, WhatAnEarlierAgentLeftIsNotUsed) {
  std::filesystem::create_directory(root_ + "/command-1");
  std::ofstream(root_ + "/command-1/left") << "x";
  EXPECT_NE(Take(), root_ + "/command-1");
}

TEST_F(WorkFoldersTest, DestructionRemovesWhatWasKept) {
  folders_->Return(Take());
  folders_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

}  // namespace
}  // namespace remuda

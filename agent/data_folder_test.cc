#include "agent/data_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>

namespace remuda {
namespace {

class DataFolderTest : public testing::Test {
 protected:
  DataFolderTest() {
    std::string folder = testing::TempDir() + "/folder_XXXXXX";
    path_ = std::string(mkdtemp(folder.data())) + "/data";
  }

  std::unique_ptr<DataFolder> Open(Duration patience = {}) {
    auto folder = DataFolder::Open({.path = path_, .patience = patience});
    EXPECT_TRUE(folder.ok()) << folder.status();
    return folder.ok() ? *std::move(folder) : nullptr;
  }

  std::string path_;
};

TEST_F(DataFolderTest, EachProcessIsTheNextOfOneInstance) {
  std::string instance;
  for (uint32_t start = 1; start <= 3; ++start) {
    const auto folder = Open();
    EXPECT_EQ(folder->start(), start);
    EXPECT_EQ(folder->instance().size(), 32u);
    EXPECT_TRUE(start == 1 || folder->instance() == instance);
    instance = folder->instance();
    EXPECT_EQ(folder->why_new(), "");
  }
}

TEST_F(DataFolderTest, IsOneProcessAtATime) {
  const auto folder = Open();
  const absl::Status second = DataFolder::Open({.path = path_}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
}

TEST_F(DataFolderTest, WaitsForWhatAnEarlierProcessStarted) {
  auto folder = Open();
  // As a spawner has it.
  int work_lock = fcntl(folder->work_lock(), F_DUPFD_CLOEXEC, 0);
  ASSERT_GE(work_lock, 0);
  folder.reset();
  const absl::Status waited =
      DataFolder::Open({.path = path_, .patience = Duration::zero()}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(waited)) << waited;
  // Reaching the patience is a failure.
  auto next = std::async(std::launch::async,
                         [this] { return Open(std::chrono::seconds(60)); });
  close(work_lock);
  EXPECT_EQ(next.get()->start(), 2u);
}

TEST_F(DataFolderTest, ACopyIsAnotherAgent) {
  const std::string instance = Open()->instance();
  std::filesystem::copy(path_, path_ + "2");
  path_ += "2";
  const auto copy = Open();
  EXPECT_NE(copy->instance(), instance);
  EXPECT_EQ(copy->start(), 1u);
  EXPECT_NE(copy->why_new(), "");
}

TEST_F(DataFolderTest, ANameThatIsDamagedIsAnotherAgents) {
  const std::string instance = Open()->instance();
  for (const std::string& text :
       {std::string(), std::string("remuda-agent-1 x 5 5\n"),
        std::string("remuda-agent-9 of a newer build\n"),
        std::string(100'000, 'x')}) {
    std::ofstream(path_ + "/agent.instance", std::ios::trunc) << text;
    const auto folder = Open();
    EXPECT_NE(folder->instance(), instance);
    EXPECT_NE(folder->why_new(), "");
    EXPECT_EQ(folder->start(), 1u);
  }
  EXPECT_EQ(Open()->start(), 2u);
}

TEST_F(DataFolderTest, WhatWasForgottenIsAnotherAgents) {
  auto folder = Open();
  const std::string instance = folder->instance();
  ASSERT_TRUE(folder->Forget().ok());
  folder.reset();
  EXPECT_NE(Open()->instance(), instance);
}

TEST_F(DataFolderTest, WithoutSuccessorsEachHasANameOfItsOwn) {
  const auto open = [this] {
    return (*DataFolder::Open({.path = path_, .has_successors = false}))
        ->instance();
  };
  EXPECT_NE(open(), open());
  EXPECT_FALSE(std::filesystem::exists(path_ + "/agent.instance"));
}

}  // namespace
}  // namespace remuda

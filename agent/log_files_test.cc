#include "agent/log_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace remuda {
namespace {

class LogFilesTest : public testing::Test {
 protected:
  LogFilesTest() {
    std::string folder = testing::TempDir() + "/logs_XXXXXX";
    folder_ = mkdtemp(folder.data());
  }

  LogRead Read(uint8_t stream, uint64_t offset, size_t bytes_max) {
    return ReadLogFile({.attempt = {},
                        .folder = folder_,
                        .stream = stream,
                        .offset = offset,
                        .bytes_max = bytes_max});
  }

  std::string folder_;
};

TEST_F(LogFilesTest, ReadsPiecesToTheEnd) {
  std::ofstream(folder_ + "/stdout") << "0123456789";
  std::ofstream(folder_ + "/stderr") << "oops";
  EXPECT_EQ(Read(1, 0, 6).bytes, "012345");
  EXPECT_FALSE(Read(1, 0, 6).is_end);
  EXPECT_EQ(Read(1, 6, 6).bytes, "6789");
  EXPECT_TRUE(Read(1, 6, 6).is_end);
  EXPECT_EQ(Read(2, 0, 6).bytes, "oops");
}

TEST_F(LogFilesTest, WhatIsNoFileReadsAsEmpty) {
  EXPECT_TRUE(Read(1, 0, 6).is_end);
  ASSERT_EQ(symlink("/etc/passwd", (folder_ + "/stdout").c_str()), 0);
  ASSERT_EQ(mkfifo((folder_ + "/stderr").c_str(), 0600), 0);
  EXPECT_EQ(Read(1, 0, 6).bytes, "");
  EXPECT_EQ(Read(2, 0, 6).bytes, "");
}

TEST_F(LogFilesTest, DeletesItsFilesAndNothingElse) {
  std::ofstream(folder_ + "/stdout") << "x";
  std::ofstream(folder_ + "/other") << "x";
  EXPECT_FALSE(DeleteLogFolder(folder_).ok());
  EXPECT_EQ(access((folder_ + "/stdout").c_str(), F_OK), -1);
  EXPECT_EQ(access((folder_ + "/other").c_str(), F_OK), 0);
  unlink((folder_ + "/other").c_str());
  EXPECT_TRUE(DeleteLogFolder(folder_).ok());
  EXPECT_EQ(access(folder_.c_str(), F_OK), -1);
  EXPECT_TRUE(DeleteLogFolder(folder_).ok());
}

}  // namespace
}  // namespace remuda

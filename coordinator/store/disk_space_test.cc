#include "coordinator/store/disk_space.h"

#include <gtest/gtest.h>
#include <sys/statvfs.h>

namespace remuda {
namespace {

TEST(DiskSpaceTest, WhatFitsTwiceBesideTheReserveIsTaken) {
  const DiskSpace disk(testing::TempDir());
  struct statvfs facts {};
  ASSERT_EQ(statvfs(testing::TempDir().c_str(), &facts), 0);
  const uint64_t free = facts.f_bavail * facts.f_frsize;
  EXPECT_TRUE(disk.CheckRoomFor(0).ok());
  const absl::Status full = disk.CheckRoomFor(free / 2);
  EXPECT_TRUE(absl::IsUnavailable(full)) << full;
  EXPECT_NE(full.message().find("disk is nearly full"), std::string::npos);
}

TEST(DiskSpaceTest, AFolderThatCannotBeAskedIsNoReasonToRefuse) {
  EXPECT_TRUE(DiskSpace("/nowhere/at/all").CheckRoomFor(1u << 30).ok());
}

}  // namespace
}  // namespace remuda

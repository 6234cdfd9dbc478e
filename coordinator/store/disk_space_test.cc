#include "coordinator/store/disk_space.h"

#include <gtest/gtest.h>
#include <sys/statvfs.h>

#include "base/clock.h"

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

TEST(DiskSpaceTest, RoomAheadEndsWithItsBytesAndItsTime) {
  const DiskSpace disk("/nowhere/at/all");  // never full
  RoomAhead ahead(disk);
  const MonotonicTime now{std::chrono::seconds(1)};
  EXPECT_FALSE(ahead.TakeRoomFor(RoomAhead::kBytesAtOnce + 1, now));
  EXPECT_TRUE(ahead.TakeRoomFor(RoomAhead::kBytesAtOnce, now));
  EXPECT_TRUE(ahead.TakeRoomFor(1, now)) << "asked again";
  EXPECT_TRUE(ahead.TakeRoomFor(1, now + RoomAhead::kGoodFor));
}

TEST(DiskSpaceTest, RoomAheadIsNoneOnAFullDisk) {
  // Whatever it says of its size, nothing is free there.
  const DiskSpace disk("/proc");
  RoomAhead ahead(disk);
  struct statvfs facts {};
  ASSERT_EQ(statvfs("/proc", &facts), 0);
  ASSERT_EQ(facts.f_bavail, 0u);
  EXPECT_FALSE(ahead.TakeRoomFor(1, MonotonicTime{std::chrono::seconds(1)}));
}

}  // namespace
}  // namespace remuda

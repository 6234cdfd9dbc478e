#include "cli/usable_resources.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace remuda {
namespace {

class UsableResourcesTest : public testing::Test {
 protected:
  UsableResourcesTest() : root_(testing::TempDir() + "/usable_resources") {
    std::filesystem::remove_all(root_);
  }
  ~UsableResourcesTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root_ + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }

  void MountV2(const std::string& group) {
    Write("/proc/self/mountinfo",
          "22 1 8:1 / / rw - ext4 /dev/root rw\n"
          "31 23 0:28 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n");
    Write("/proc/self/cgroup", "0::" + group + "\n");
  }

  void MountV1(const std::string& top, const std::string& group) {
    Write("/proc/self/mountinfo",
          "33 31 0:30 " + top +
              " /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
              "32 31 0:29 " +
              top + " /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu\n");
    Write("/proc/self/cgroup",
          "4:memory:/elsewhere\n2:cpuacct:/other\n1:cpu:" + group + "\n");
  }

  void QuotaV1(const std::string& group, const std::string& quota) {
    Write("/sys/fs/cgroup/cpu" + group + "/cpu.cfs_quota_us", quota);
    Write("/sys/fs/cgroup/cpu" + group + "/cpu.cfs_period_us", "100000\n");
  }

  const std::string root_;
};

TEST_F(UsableResourcesTest, NoControlGroupsMeansAllProcessors) {
  EXPECT_EQ(UsableCores(8, root_), 8u);
  EXPECT_EQ(UsableCores(0, root_), 1u);
}

TEST_F(UsableResourcesTest, AQuotaOfVersionTwoIsRoundedUp) {
  MountV2("/");
  Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(UsableCores(8, root_), 8u);
  Write("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(UsableCores(8, root_), 2u);
  Write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(UsableCores(8, root_), 2u);
  Write("/sys/fs/cgroup/cpu.max", "1000 100000\n");
  EXPECT_EQ(UsableCores(8, root_), 1u);
  Write("/sys/fs/cgroup/cpu.max", "1600000 100000\n");
  EXPECT_EQ(UsableCores(8, root_), 8u);
}

TEST_F(UsableResourcesTest, TheTightestGroupOnTheWayUpHolds) {
  MountV2("/kubepods/pod1/agent");
  Write("/sys/fs/cgroup/kubepods/pod1/agent/cpu.max", "max 100000\n");
  Write("/sys/fs/cgroup/kubepods/pod1/cpu.max", "300000 100000\n");
  Write("/sys/fs/cgroup/kubepods/cpu.max", "600000 100000\n");
  EXPECT_EQ(UsableCores(8, root_), 3u);
}

TEST_F(UsableResourcesTest, AQuotaOfVersionOneCounts) {
  MountV1("/", "/pods/agent");
  QuotaV1("/pods/agent", "-1\n");
  QuotaV1("/pods", "250000\n");
  EXPECT_EQ(UsableCores(8, root_), 3u);
}

TEST_F(UsableResourcesTest, AContainerSeesItsGroupAsTheTopOfTheMount) {
  MountV1("/libpod_parent/libpod-1", "/libpod_parent/libpod-1");
  QuotaV1("", "100000\n");
  EXPECT_EQ(UsableCores(8, root_), 1u);
  MountV1("/libpod_parent/libpod-1", "/libpod_parent/libpod-1/below");
  EXPECT_EQ(UsableCores(8, root_), 1u);
  MountV1("/libpod_parent/libpod-1", "/../beside");
  EXPECT_EQ(UsableCores(8, root_), 1u);
}

TEST_F(UsableResourcesTest, NonsenseCountsAsNoQuota) {
  MountV2("no-slash");
  Write("/sys/fs/cgroup/cpu.max", "soon 0\n");
  EXPECT_EQ(UsableCores(4, root_), 4u);
  Write("/sys/fs/cgroup/cpu.max", "100000 0\n");
  EXPECT_EQ(UsableCores(4, root_), 4u);
  Write("/proc/self/cgroup", "nothing\n0::\n");
  EXPECT_EQ(UsableCores(4, root_), 4u);
}

TEST_F(UsableResourcesTest, MemoryIsTheMachinesWhereNoGroupHasALimit) {
  EXPECT_EQ(UsableMemoryBytes(root_), 0u);
  Write("/proc/meminfo", "MemTotal:       24000 kB\nMemFree: 12 kB\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 24000u << 10);
  MountV2("/agent");
  Write("/sys/fs/cgroup/agent/memory.max", "max\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 24000u << 10);
}

TEST_F(UsableResourcesTest, TheTightestLimitOfMemoryHolds) {
  Write("/proc/meminfo", "MemTotal:       24000 kB\n");
  MountV2("/pods/agent");
  Write("/sys/fs/cgroup/pods/agent/memory.max", "3000000\n");
  Write("/sys/fs/cgroup/pods/memory.max", "2000000\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 2'000'000u);
  Write("/proc/meminfo", "MemTotal:       1000 kB\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 1000u << 10);
}

}  // namespace
}  // namespace remuda

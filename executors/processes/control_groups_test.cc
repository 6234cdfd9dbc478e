#include "executors/processes/control_groups.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace remuda {
namespace {

namespace fs = std::filesystem;

// Folders of the test in place of the kernel's.
class ControlGroupsTest : public testing::Test {
 protected:
  ControlGroupsTest() {
    std::string pattern =
        (fs::temp_directory_path() / "groups-XXXXXX").string();
    base_ = mkdtemp(pattern.data());
    options_.cgroup_file = base_ + "/cgroup";
    options_.mountinfo_file = base_ + "/mountinfo";
  }
  ~ControlGroupsTest() override { fs::remove_all(base_); }

  void Write(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(base_ + "/" + name).parent_path());
    std::ofstream(base_ + "/" + name) << text;
  }

  std::string Mount(const std::string& root, const std::string& name,
                    const std::string& type, const std::string& controllers) {
    fs::create_directories(base_ + "/" + name);
    return "35 31 0:32 " + root + " " + base_ + "/" + name +
           " rw,relatime shared:9 - " + type + " " + type + " rw" +
           controllers + "\n";
  }

  std::string base_;
  ControlGroupOptions options_;
};

TEST_F(ControlGroupsTest, Version1ByController) {
  Write("cgroup", "8:pids:/\n4:memory:/a/b\n3:cpu,cpuacct:/c\n0::/\n");
  Write("mountinfo", Mount("/", "memory", "cgroup", ",memory") +
                         Mount("/", "pids", "cgroup", ",pids") +
                         Mount("/", "unified", "cgroup2", ""));
  fs::create_directories(base_ + "/memory/a/b");
  const ControlGroupPlaces places = FindControlGroups(options_);
  EXPECT_EQ(places.version, 1);
  EXPECT_EQ(places.memory, base_ + "/memory/a/b");
  EXPECT_EQ(places.processes, base_ + "/pids");
  EXPECT_EQ(Describe(places), "cgroup v1 memory, pids");
}

TEST_F(ControlGroupsTest, AContainerSeesAPartOfTheHierarchy) {
  Write("cgroup", "8:pids:/docker/abc\n4:memory:/docker/abc/inner\n");
  Write("mountinfo", Mount("/docker/abc", "memory", "cgroup", ",memory") +
                         Mount("/docker/abc", "pids", "cgroup", ",pids"));
  fs::create_directories(base_ + "/memory/inner");
  const ControlGroupPlaces places = FindControlGroups(options_);
  EXPECT_EQ(places.memory, base_ + "/memory/inner");
  EXPECT_EQ(places.processes, base_ + "/pids");
}

TEST_F(ControlGroupsTest, OneControllerOfTwo) {
  Write("cgroup", "8:pids:/\n");
  Write("mountinfo", Mount("/", "pids", "cgroup", ",pids"));
  const std::string said = Describe(FindControlGroups(options_));
  EXPECT_EQ(said,
            "cgroup v1 pids; memory by sampling, because there is no "
            "controller memory");
}

TEST_F(ControlGroupsTest, Version2ThatIsDelegated) {
  Write("cgroup", "0::/user/remuda\n");
  Write("mountinfo", Mount("/", "unified", "cgroup2", ""));
  Write("unified/user/remuda/cgroup.controllers", "cpu memory pids\n");
  Write("unified/user/remuda/cgroup.subtree_control", "memory pids\n");
  const ControlGroupPlaces places = FindControlGroups(options_);
  EXPECT_EQ(places.version, 2);
  EXPECT_EQ(places.memory, base_ + "/unified/user/remuda");
  EXPECT_EQ(places.processes, places.memory);
}

TEST_F(ControlGroupsTest, Version2WithProcessesOfOthersIsLeftAlone) {
  Write("cgroup", "0::/shared\n");
  Write("mountinfo", Mount("/", "unified", "cgroup2", ""));
  Write("unified/shared/cgroup.controllers", "memory pids\n");
  Write("unified/shared/cgroup.subtree_control", "");
  Write("unified/shared/cgroup.procs", "1\n");
  const std::string said = Describe(FindControlGroups(options_));
  EXPECT_EQ(said.rfind("sampling only, because ", 0), 0u) << said;
  EXPECT_NE(said.find("processes of others"), std::string::npos) << said;
}

TEST_F(ControlGroupsTest, SamplingHasItsReason) {
  Write("cgroup", "");
  Write("mountinfo", "");
  EXPECT_EQ(Describe(FindControlGroups(options_)),
            "sampling only, because this machine has no control groups");
  options_.use = false;
  EXPECT_EQ(Describe(FindControlGroups(options_)),
            "sampling only, because the agent was told so");
}

TEST_F(ControlGroupsTest, OnlyGroupsOfTheDeadAreRemoved) {
  ControlGroupPlaces places;
  places.version = 1;
  places.memory = places.processes = base_;
  const std::string own = OwnGroupName("tag");
  // The same process number, but another start.
  std::string dead = own;
  const size_t end = dead.rfind('-');
  const size_t start = dead.rfind('-', end - 1);
  dead.replace(start + 1, end - start - 1, "1");
  const std::string elsewhere = "remuda-1-1-1-tag";  // another namespace
  for (const std::string& name :
       {own, dead + "/inner", elsewhere, std::string("remuda-x")}) {
    fs::create_directories(base_ + "/" + name);
  }
  RemoveLeftGroups(places);
  EXPECT_TRUE(fs::exists(base_ + "/" + own));
  EXPECT_FALSE(fs::exists(base_ + "/" + dead));
  EXPECT_TRUE(fs::exists(base_ + "/" + elsewhere));
  EXPECT_TRUE(fs::exists(base_ + "/remuda-x"));
}

}  // namespace
}  // namespace remuda

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "executors/process_pool/process_pool_fixture.h"
#include "executors/processes/control_groups.h"

namespace remuda {
namespace {

enum class Keeping { kGroups, kSampling };

// What is promised holds however limits are kept.
class LimitsTest : public ProcessPoolTest,
                   public testing::WithParamInterface<Keeping> {
 protected:
  void SetUp() override {
    ControlGroupOptions options;
    options.use = GetParam() == Keeping::kGroups;
    // Beside whatever group runs the test, and removed with it.
    if (options.use) {
      parent_ = "remuda-limits-test-" + RandomHex(4);
      options.parent = parent_;
      for (const char* controller : {"memory", "pids"}) {
        const std::string folder =
            std::string("/sys/fs/cgroup/") + controller + "/" + parent_;
        std::error_code error;
        if (std::filesystem::create_directory(folder, error)) {
          made_.push_back(folder);
        }
      }
    }
    options_.groups = FindControlGroups(options);
    if (!options.use) return;
    if (options_.groups.memory.empty() || options_.groups.processes.empty()) {
      GTEST_SKIP() << "no control groups here: " << Describe(options_.groups);
    }
  }
  void TearDown() override {
    executor_.reset();
    for (const std::string& folder : made_) {
      EXPECT_TRUE(std::filesystem::remove(folder))
          << folder << " still has groups";
    }
  }

  static std::shared_ptr<const JobWork> Limited(const std::string& type,
                                                const std::string& with,
                                                uint64_t memory_bytes) {
    auto work = std::make_shared<JobWork>(*Work(type, with));
    work->job.resources.memory_bytes = memory_bytes;
    return work;
  }

  Outcome RunWork(std::shared_ptr<const JobWork> work) {
    const Attempt attempt = Next(std::move(work));
    const absl::Status status = executor_->Start(std::vector{attempt});
    EXPECT_TRUE(status.ok()) << status;
    return Await(attempt.id);
  }

  // Processes that live with `entry` in their environment.
  static int CountWith(const std::string& entry) {
    int count = 0;
    for (const ProcessFacts& process : ReadProcesses()) {
      std::ifstream file("/proc/" + std::to_string(process.pid) + "/environ",
                         std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      count += process.state != 'Z' && text.find(entry) != std::string::npos;
    }
    return count;
  }

  static std::string Python(const std::string& code) {
    return R"({"argv":["python3","-c",")" + code + R"("]})";
  }

  std::string parent_;
  std::vector<std::string> made_;
};

constexpr uint64_t kLimit = uint64_t{64} << 20;

TEST_P(LimitsTest, WhatUsesTooMuchMemoryEndsAsOom) {
  Make();
  const Outcome outcome = RunWork(Limited(
      "command", Python("import time; x = b'x' * (500 << 20); time.sleep(100)"),
      kLimit));
  EXPECT_EQ(outcome.ending, Ending::kOom) << outcome.error;
  EXPECT_NE(outcome.error.find("limit of 64Mi (it had "), std::string::npos)
      << outcome.error;
  ASSERT_TRUE(outcome.usage.memory_max_bytes.has_value());
  EXPECT_GE(*outcome.usage.memory_max_bytes, kLimit / 2);
}

TEST_P(LimitsTest, AChildOfTheCommandCounts) {
  Make();
  const Outcome outcome = RunWork(
      Limited("command",
              R"({"argv":["sh","-c","python3 -c 'import time; )"
              R"(x = b\"x\" * (500 << 20); time.sleep(100)'; sleep 100"]})",
              kLimit));
  EXPECT_EQ(outcome.ending, Ending::kOom) << outcome.error;
  EXPECT_LT(outcome.wall, std::chrono::seconds(60));
}

TEST_P(LimitsTest, WhatStaysWithinIsLeftAlone) {
  Make();
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = RunWork(Limited(
        "command", Python("x = b'x' * (20 << 20); print(len(x))"), kLimit));
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
  }
}

TEST_P(LimitsTest, AForkBombIsStoppedAndNamed) {
  Make();
  const AttemptId neighbour =
      Start("command", R"({"argv":["sh","-c","sleep 1; echo done"]})");
  const Outcome bomb = Run(
      "command",
      R"({"argv":["bash","-c","bomb() { bomb | bomb & }; bomb; sleep 100"],)"
      R"("env":{"BOMB":")" +
          folder_ + R"("}})");
  EXPECT_EQ(bomb.ending, Ending::kError) << bomb.error;
  EXPECT_NE(bomb.error.find("more than 1024 processes"), std::string::npos)
      << bomb.error;
  EXPECT_EQ(Await(neighbour).ending, Ending::kSucceeded);
  EXPECT_EQ(CountWith("BOMB=" + folder_), 0);
}

TEST_P(LimitsTest, AWorkerHasItsLimitToo) {
  options_.workers = {PythonWorker(
      std::filesystem::absolute("workers/python/remuda_worker.pyz").string())};
  Make();
  const auto fill = [](const std::string& mebibytes) {
    return R"json({"function":"builtins:eval","args":["len(b'x' * ()json" +
           mebibytes + R"json( << 20))"]})json";
  };
  const Outcome outcome = RunWork(Limited("python", fill("500"), kLimit * 2));
  EXPECT_EQ(outcome.ending, Ending::kOom) << outcome.error;
  EXPECT_NE(outcome.error.find("limit of 128Mi"), std::string::npos)
      << outcome.error;
  const Outcome small = RunWork(Limited("python", fill("1"), kLimit * 2));
  EXPECT_EQ(small.ending, Ending::kSucceeded) << small.error;
  EXPECT_EQ(executor_->workers().exits_oom, 1u);
}

INSTANTIATE_TEST_SUITE_P(Keeping, LimitsTest,
                         testing::Values(Keeping::kGroups, Keeping::kSampling),
                         [](const auto& one) {
                           return one.param == Keeping::kGroups ? "Groups"
                                                                : "Sampling";
                         });

// Wide tasks need no limits.
class WidthTest : public ProcessPoolTest {
 protected:
  AttemptId StartWide(uint32_t cpu, const std::string& script) {
    auto work = std::make_shared<JobWork>(
        *Work("command", R"({"argv":["sh","-c",")" + script + R"("]})"));
    work->job.resources.cpu = cpu;
    const Attempt attempt = Next(std::move(work));
    const absl::Status status = executor_->Start(std::vector{attempt});
    EXPECT_TRUE(status.ok()) << status;
    return attempt.id;
  }
};

TEST_F(WidthTest, AWideTaskTakesItsSlotsAndIsNotOvertaken) {
  Make();  // four slots
  const std::string list = folder_ + "/order";
  const auto says = [&](const std::string& word) {
    return "echo " + word + " >> " + list;
  };
  const AttemptId first = StartWide(2, "sleep 0.5; " + says("first"));
  const AttemptId wide = StartWide(
      4, "[ $REMUDA_CPUS = 4 ] && [ $OMP_NUM_THREADS = 4 ] && " + says("wide"));
  const AttemptId last = StartWide(1, says("last"));
  for (const AttemptId id : {first, wide, last}) {
    EXPECT_EQ(Await(id).ending, Ending::kSucceeded) << outcomes_[id].error;
  }
  std::ifstream in(list);
  std::string words;
  for (std::string word; in >> word;) words += word + " ";
  EXPECT_EQ(words, "first wide last ");
}

TEST_F(WidthTest, WhatIsStoppedBeforeItsTurnNeverStarted) {
  Make();
  const AttemptId first = StartWide(4, "sleep 1000");
  const AttemptId waiting = StartWide(4, "true");
  executor_->Cancel(waiting, CancelMode::kAsk);
  EXPECT_EQ(Await(waiting).ending, Ending::kCancelled);
  EXPECT_FALSE(outcomes_[waiting].started);
  executor_->Cancel(first, CancelMode::kForce);
  EXPECT_EQ(Await(first).ending, Ending::kCancelled);
  EXPECT_TRUE(outcomes_[first].started);
}

TEST_F(WidthTest, AWiderTaskThanTheAgentSaysSo) {
  Make();
  const Outcome outcome = Await(StartWide(5, "true"));
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_NE(outcome.error.find("needs 5 cpus"), std::string::npos)
      << outcome.error;
}

}  // namespace
}  // namespace remuda

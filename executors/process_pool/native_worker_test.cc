#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "executors/executor_contract.h"
#include "executors/process_pool/process_pool_fixture.h"

namespace remuda {
namespace {

// The contract suite makes executors and knows nothing of folders.
std::unique_ptr<Executor> MakeForContract(size_t slots, const Clock& clock,
                                          Executor::Notify notify) {
  const std::string helper = std::filesystem::absolute(kPoolHelper).string();
  auto spawner = Spawner::Launch(helper);
  CHECK_OK(spawner);
  ProcessPoolOptions options;
  options.slots = slots;
  options.spawner_program = helper;
  options.work_folder = testing::TempDir() + "/contract/work";
  options.log_folder = testing::TempDir() + "/contract/logs";
  options.workers = {NativeWorker(helper)};
  auto executor = ProcessPoolExecutor::Create(options, *std::move(spawner),
                                              clock, std::move(notify));
  CHECK_OK(executor);
  return *std::move(executor);
}

INSTANTIATE_TEST_SUITE_P(
    ProcessPool, ExecutorContract,
    testing::Values(ExecutorUnderTest{
        .name = "process_pool", .make = MakeForContract, .advance = nullptr}));

class NativeWorkerTest : public ProcessPoolTest {
 protected:
  NativeWorkerTest() {
    options_.workers = {NativeWorker(options_.spawner_program)};
  }

  // The processes that run as native workers of this test.
  std::vector<pid_t> Workers() {
    std::vector<pid_t> workers;
    std::error_code ignored;
    for (const ProcessFacts& process : ReadProcesses()) {
      const auto folder = std::filesystem::read_symlink(
          "/proc/" + std::to_string(process.pid) + "/cwd", ignored);
      if (process.state != 'Z' &&
          folder.string().rfind(options_.work_folder + "/worker-", 0) == 0) {
        workers.push_back(process.pid);
      }
    }
    return workers;
  }

  // Whether the worker runs a task: the number in the memory that it shares
  // with the pool is not zero.
  static bool HasBegun(pid_t worker) {
    std::ifstream cell("/proc/" + std::to_string(worker) + "/fd/4",
                       std::ios::binary);
    uint64_t current = 0;
    cell.read(reinterpret_cast<char*>(&current), sizeof(current));
    return current != 0;
  }

  // Runs `count` attempts of `work`, as many at a time as there is room for.
  void RunMany(const std::shared_ptr<const JobWork>& work, size_t count) {
    const size_t before = outcomes_.size();
    size_t started = 0;
    while (outcomes_.size() < before + count) {
      std::vector<Attempt> batch;
      const size_t room = std::min(executor_->capacity(), count - started);
      for (size_t i = 0; i < room; ++i) batch.push_back(Next(work));
      started += room;
      ASSERT_TRUE(executor_->Start(batch).ok());
      ASSERT_TRUE(AwaitCount(outcomes_.size() + 1));
    }
  }
};

TEST_F(NativeWorkerTest, TenThousandNoops) {
  Make();
  RunMany(Work("noop", "{}"), 10'000);
  EXPECT_EQ(outcomes_.size(), 10'000u);
  for (const auto& [id, outcome] : outcomes_) {
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
    EXPECT_TRUE(outcome.usage.cpu.has_value());
  }
  EXPECT_LE(Workers().size(), 4u);
  // Short tasks may wait in numbers, so that the workers never do.
  EXPECT_GT(executor_->capacity(), 100u);
}

TEST_F(NativeWorkerTest, ALongTaskKeepsNoneBehindIt) {
  options_.slots = 2;
  Make();
  // Teaches the pool that tasks of this job are short.
  const auto work = Work("sleep", R"({"seconds":"{{item}}"})");
  const auto start = [&](const std::string& seconds) {
    const Attempt attempt = Next(work, seconds);
    EXPECT_TRUE(executor_->Start(std::vector{attempt}).ok());
    return attempt.id;
  };
  ASSERT_TRUE(WaitUntil([&] {
    Await(start("0.00001"));
    return executor_->capacity() > 20;
  }));
  std::vector<Attempt> batch = {Next(work, "3000")};
  const AttemptId stuck = batch[0].id;
  for (int i = 0; i < 20; ++i) batch.push_back(Next(work, "0.00001"));
  ASSERT_TRUE(executor_->Start(batch).ok());
  for (size_t i = 1; i < batch.size(); ++i) {
    EXPECT_EQ(Await(batch[i].id).ending, Ending::kSucceeded);
  }
  EXPECT_FALSE(outcomes_.contains(stuck));
  executor_->Cancel(stuck, CancelMode::kAsk);
  EXPECT_EQ(Await(stuck).ending, Ending::kCancelled);
}

TEST_F(NativeWorkerTest, TasksOfMillisecondsStandInLine) {
  options_.slots = 2;
  Make();
  const auto work = Work("sleep", R"({"seconds":0.01})");
  ASSERT_TRUE(WaitUntil([&] {
    RunMany(work, 4);
    return executor_->capacity() == 6;
  }));
  RunMany(work, 40);
  for (const auto& [id, outcome] : outcomes_) {
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
  }
  EXPECT_LE(Workers().size(), 2u);
}

TEST_F(NativeWorkerTest, AKilledWorkerCostsOnlyTheTaskThatRan) {
  options_.slots = 1;
  Make();
  const AttemptId victim = Start("sleep", R"({"seconds":3000})");
  ASSERT_TRUE(WaitUntil([&] { return Workers().size() == 1; }));
  // Begun: one task is not counted as waiting for as long as it runs.
  ASSERT_TRUE(WaitUntil([&] { return HasBegun(Workers()[0]); }));
  kill(Workers()[0], SIGKILL);
  const Outcome outcome = Await(victim);
  EXPECT_EQ(outcome.ending, Ending::kCrash);
  EXPECT_EQ(outcome.error,
            "the native worker was killed by SIGKILL (killed) while it ran "
            "the task");
  EXPECT_EQ(Run("noop", "{}").ending, Ending::kSucceeded);
}

TEST_F(NativeWorkerTest, ForceKillsOneAndTheOthersRunElsewhere) {
  options_.slots = 2;
  Make();
  const AttemptId first = Start("sleep", R"({"seconds":3000})");
  const AttemptId second = Start("sleep", R"({"seconds":3000})");
  ASSERT_TRUE(WaitUntil([&] { return Workers().size() == 2; }));
  executor_->Cancel(first, CancelMode::kForce);
  EXPECT_EQ(Await(first).ending, Ending::kCancelled);
  EXPECT_FALSE(outcomes_.contains(second));
  EXPECT_EQ(Run("noop", "{}").ending, Ending::kSucceeded);
  executor_->Cancel(second, CancelMode::kAsk);
  EXPECT_EQ(Await(second).ending, Ending::kCancelled);
}

TEST_F(NativeWorkerTest, WorkersAreReplacedAfterTheirTasks) {
  options_.slots = 1;
  options_.worker_tasks_max = 50;
  Make();
  Run("noop", "{}");
  const std::vector<pid_t> first = Workers();
  ASSERT_EQ(first.size(), 1u);
  const auto work = Work("noop", "{}");
  ASSERT_TRUE(WaitUntil([&] {
    RunMany(work, 20);
    return !IsAlive(first[0]);
  }));
  EXPECT_EQ(Run("noop", "{}").ending, Ending::kSucceeded);
}

TEST_F(NativeWorkerTest, ACommandGetsItsTurnBesideAStreamOfTasks) {
  options_.slots = 1;
  Make();
  const auto work = Work("noop", "{}");
  RunMany(work, 1000);
  const AttemptId command = Start("command", R"({"argv":["true"]})");
  ASSERT_TRUE(WaitUntil([&] {
    RunMany(work, 100);
    return outcomes_.contains(command);
  }));
  EXPECT_EQ(outcomes_[command].ending, Ending::kSucceeded);
}

TEST_F(NativeWorkerTest, AWorkerThatCannotStartFailsItsTasks) {
  options_.workers[0].argv = {"/nosuch/worker"};
  Make();
  const Outcome outcome = Run("noop", "{}");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(outcome.error,
            "cannot start the native worker: cannot run '/nosuch/worker': no "
            "such file (or its interpreter is missing)");
}

TEST_F(NativeWorkerTest, AWorkerThatSaysNothingFailsItsTasks) {
  options_.workers[0].argv = {"sh", "-c", "echo what is this >&2; exit 9"};
  Make();
  const Outcome outcome = Run("noop", "{}");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(outcome.error,
            "cannot start the native worker: exited with code 9\n"
            "what is this");
}

}  // namespace
}  // namespace remuda

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "executors/process_pool/process_pool_fixture.h"
#include "executors/processes/lease_page.h"

namespace remuda {
namespace {

class CommandTest : public ProcessPoolTest {
 protected:
  static std::string Shell(const std::string& script) {
    return R"({"argv":["sh","-c",")" + script + R"("]})";
  }

  // Waits until the command has written a whole line to `file`.
  std::string LineOf(const std::string& file) {
    std::string line;
    WaitUntil([&] {
      std::ifstream in(folder_ + "/" + file);
      return std::getline(in, line) && !in.eof();
    });
    return line;
  }
};

TEST_F(CommandTest, Succeeds) {
  Make();
  const Outcome outcome =
      Run("command", R"({"argv":["cat"],"stdin":"hello","env":{"A":"b"}})");
  EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
  EXPECT_EQ(outcome.output,
            R"({"exit_code":0,"signal":null,"stdout":"hello","stderr":"",)"
            R"("stdout_bytes":5,"stderr_bytes":0,"truncated":false})");
  EXPECT_EQ(outcome.log_path, "");
  EXPECT_GT(outcome.wall.count(), 0);
  EXPECT_TRUE(outcome.usage.cpu.has_value());
  EXPECT_TRUE(outcome.usage.switches_voluntary.has_value());
}

TEST_F(CommandTest, KnowsItsTaskAndNothingOfTheAgent) {
  Make();
  const Outcome outcome = Run(
      "command", R"({"argv":["env"],"env":{"GREETING":"{{item}}"}})", "\"hi\"");
  for (const char* expected :
       {"REMUDA_JOB_ID=7\\n", "REMUDA_TASK_INDEX=0\\n", "REMUDA_ATTEMPT=1\\n",
        "REMUDA_MARK=", "GREETING=hi\\n", "PATH=/usr/local/sbin"}) {
    EXPECT_NE(outcome.output.find(expected), std::string::npos)
        << expected << " in " << outcome.output;
  }
  EXPECT_EQ(outcome.output.find("TEST_"), std::string::npos);
}

TEST_F(CommandTest, KeepsItsOutputFiles) {
  Make();
  auto work = std::make_shared<JobWork>(*Work(
      "command", Shell("echo {{item}} > a.txt; mkdir out; : > out/b; exit 0")));
  work->job.outputs = {folder_ + "/results", {"*.txt", "out/*"}};
  const Attempt good = Next(work, "7");
  ASSERT_TRUE(executor_->Start(std::vector{good}).ok());
  const Outcome outcome = Await(good.id);
  EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
  const std::string place = folder_ + "/results/0";
  EXPECT_NE(outcome.output.find(R"("files":[{"path":")" + place +
                                R"(/a.txt","bytes":2},{"path":")" + place +
                                R"(/out/b","bytes":0}]})"),
            std::string::npos)
      << outcome.output;
  EXPECT_EQ(LineOf("results/0/a.txt"), "7");
}

TEST_F(CommandTest, AMissingOutputFileIsAnError) {
  Make();
  auto work = std::make_shared<JobWork>(*Work("command", Shell("exit 0")));
  work->job.outputs = {folder_ + "/results", {"*.txt"}};
  const Attempt bad = Next(work);
  ASSERT_TRUE(executor_->Start(std::vector{bad}).ok());
  EXPECT_EQ(Await(bad.id).ending, Ending::kError);
  EXPECT_NE(outcomes_[bad.id].error.find("'*.txt'"), std::string::npos);
  // A command that failed by itself says so, whatever it wrote.
  auto failing = std::make_shared<JobWork>(*Work("command", Shell("exit 3")));
  failing->job.outputs = work->job.outputs;
  const Attempt third = Next(failing);
  ASSERT_TRUE(executor_->Start(std::vector{third}).ok());
  EXPECT_EQ(Await(third.id).error, "exited with code 3");
}

TEST_F(CommandTest, ExitCodeIsAnError) {
  Make();
  const Outcome outcome =
      Run("command", Shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.error, "exited with code 3");
  EXPECT_EQ(outcome.output,
            R"({"exit_code":3,"signal":null,"stdout":"out\n",)"
            R"("stderr":"err\n","stdout_bytes":4,"stderr_bytes":4,)"
            R"("truncated":false})");
}

TEST_F(CommandTest, SignalIsACrash) {
  Make();
  const Outcome outcome = Run("command", Shell("kill -SEGV $$"));
  EXPECT_EQ(outcome.ending, Ending::kCrash);
  EXPECT_EQ(outcome.error, "killed by SIGSEGV (segmentation fault)");
  EXPECT_NE(outcome.output.find(R"("exit_code":null,"signal":"SIGSEGV")"),
            std::string::npos)
      << outcome.output;
}

TEST_F(CommandTest, WhatCannotRunIsNamed) {
  Make();
  Outcome outcome = Run("command", R"({"argv":["nosuch"]})");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(outcome.error, "cannot run 'nosuch': not found on PATH");
  outcome = Run("command", R"({"argv":["true"],"cwd":"/nosuch"})");
  EXPECT_EQ(outcome.error,
            "cannot enter the working folder '/nosuch': No such file or "
            "directory");
  outcome = Run("command", R"({"argv":[]})");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_NE(outcome.error.find("argv"), std::string::npos);
  outcome = Run("command", R"({"argv":["true"],"env":{"REMUDA_X":"1"}})");
  EXPECT_NE(outcome.error.find("REMUDA_"), std::string::npos);
}

TEST_F(CommandTest, TenMegabytesOfOutput) {
  Make();
  const Outcome outcome =
      Run("command", Shell("yes 0123456789abcde | head -c 10000000"));
  EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
  EXPECT_LT(outcome.output.size(), 100'000u);
  EXPECT_NE(outcome.output.find("\"stdout_bytes\":10000000"),
            std::string::npos);
  EXPECT_NE(outcome.output.find("\"truncated\":true"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(outcome.log_path + "/stdout"),
            10'000'000u);
}

TEST_F(CommandTest, AskedToStopItMayCleanUp) {
  Make();
  const AttemptId id = Start(
      "command", Shell("trap 'echo bye; exit 0' TERM; echo ready > " + folder_ +
                       "/ready; while true; do sleep 0.01; done"));
  EXPECT_EQ(LineOf("ready"), "ready");
  executor_->Cancel(id, CancelMode::kAsk);
  const Outcome outcome = Await(id);
  EXPECT_EQ(outcome.ending, Ending::kCancelled);
  EXPECT_NE(outcome.output.find("bye"), std::string::npos);
}

TEST_F(CommandTest, IgnoresSigtermWithGrandchildrenAndIsKilledWhole) {
  Make();
  const AttemptId id = Start(
      "command",
      Shell("trap '' TERM; (setsid sh -c 'echo $$ > " + folder_ +
            "/pid; exec sleep 1000' &); sleep 1000 & sleep 1000; sleep 1000"));
  const pid_t grandchild = std::stoi(LineOf("pid"));
  executor_->Cancel(id, CancelMode::kAsk);
  EXPECT_TRUE(IsAlive(grandchild));
  executor_->Cancel(id, CancelMode::kForce);
  EXPECT_EQ(Await(id).ending, Ending::kCancelled);
  EXPECT_FALSE(IsAlive(grandchild));
}

TEST_F(CommandTest, AGrandchildThatHoldsThePipeDoesNotHoldTheEnd) {
  Make();
  const Outcome outcome =
      Run("command", Shell("echo first; sleep 1000 & exit 0"));
  EXPECT_EQ(outcome.ending, Ending::kSucceeded);
  EXPECT_NE(outcome.output.find("first"), std::string::npos);
}

TEST_F(CommandTest, HasAFolderOfItsOwnThatGoesAway) {
  Make();
  const Outcome outcome =
      Run("command", Shell("pwd; ls -a | wc -l; mkdir -p a/b; touch a/b/c"));
  EXPECT_NE(outcome.output.find(options_.work_folder + "/command-1\\n2\\n"),
            std::string::npos)
      << outcome.output;
  EXPECT_TRUE(std::filesystem::is_empty(options_.work_folder));
}

TEST_F(CommandTest, NoMoreThanSlotsRunAtOnce) {
  options_.slots = 2;
  Make();
  EXPECT_EQ(executor_->capacity(), 2u);
  const AttemptId first = Start("command", R"({"argv":["sleep","1000"]})");
  const AttemptId second = Start("command", R"({"argv":["sleep","1000"]})");
  EXPECT_EQ(executor_->capacity(), 0u);
  executor_->Cancel(first, CancelMode::kForce);
  executor_->Cancel(second, CancelMode::kForce);
  EXPECT_TRUE(AwaitCount(2));
  EXPECT_EQ(executor_->capacity(), 2u);
}

TEST_F(CommandTest, OneThatWaitsInLineCanBeCancelledAsNotStarted) {
  options_.slots = 1;
  Make();
  // Until commands are known to be short, which takes a machine on which they
  // are.
  for (int i = 0; i < 200 && executor_->capacity() < 3; ++i) {
    EXPECT_EQ(Run("command", R"({"argv":["true"]})").ending,
              Ending::kSucceeded);
  }
  if (executor_->capacity() < 3) GTEST_SKIP() << "no command is short here";
  const auto until_file =
      Shell("while ! test -e " + folder_ + "/go; do sleep 0.01; done");
  const AttemptId first = Start("command", until_file);
  const AttemptId second =
      Start("command", Shell("touch " + folder_ + "/second"));
  const AttemptId third = Start("command", Shell("echo third"));
  executor_->Cancel(second, CancelMode::kAsk);
  const Outcome cancelled = Await(second);
  EXPECT_EQ(cancelled.ending, Ending::kCancelled);
  EXPECT_FALSE(cancelled.started);
  EXPECT_FALSE(outcomes_.contains(first));
  std::ofstream(folder_ + "/go") << "x";
  EXPECT_EQ(Await(first).ending, Ending::kSucceeded);
  EXPECT_NE(Await(third).output.find("third"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/second"));
  EXPECT_EQ(Run("command", R"({"argv":["true"]})").ending, Ending::kSucceeded);
}

TEST_F(CommandTest, FiveHundredCommands) {
  Make();
  const auto work = Work("command", R"({"argv":["echo","{{index}}"]})");
  size_t started = 0;
  while (started < 500) {
    std::vector<Attempt> batch;
    const size_t room = executor_->capacity();
    while (batch.size() < room && started + batch.size() < 500) {
      batch.push_back(Next(work));
    }
    started += batch.size();
    ASSERT_TRUE(executor_->Start(batch).ok());
    ASSERT_TRUE(AwaitCount(outcomes_.size() + (started < 500 ? 1 : 0)));
  }
  ASSERT_TRUE(AwaitCount(500));
  for (const auto& [id, outcome] : outcomes_) {
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
    EXPECT_NE(outcome.output.find("\"stdout\":\"" + std::to_string(id.task) +
                                  "\\n\""),
              std::string::npos)
        << outcome.output;
  }
}

// More than a pipe holds, so that nobody ends who is not read.
TEST_F(CommandTest, AHundredThatPrintMuch) {
  Make();
  const auto work = Work("command", Shell("head -c 200000 /dev/zero"));
  size_t started = 0;
  while (started < 100) {
    std::vector<Attempt> batch;
    const size_t room = executor_->capacity();
    while (batch.size() < room && started + batch.size() < 100) {
      batch.push_back(Next(work));
    }
    started += batch.size();
    ASSERT_TRUE(executor_->Start(batch).ok());
    ASSERT_TRUE(AwaitCount(outcomes_.size() + (started < 100 ? 1 : 0)));
  }
  ASSERT_TRUE(AwaitCount(100));
  for (const auto& [id, outcome] : outcomes_) {
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
    EXPECT_NE(outcome.output.find(R"("stdout_bytes":200000)"),
              std::string::npos)
        << outcome.output;
  }
}

TEST_F(CommandTest, DestructionKillsEverything) {
  Make();
  Start("command", Shell("(setsid sh -c 'echo $$ > " + folder_ +
                         "/pid; exec sleep 1000' &); sleep 1000"));
  const pid_t grandchild = std::stoi(LineOf("pid"));
  executor_.reset();
  EXPECT_FALSE(IsAlive(grandchild));
}

TEST_F(CommandTest, DeathOfTheSpawnerEvictsAndAnotherIsStarted) {
  Make();
  const AttemptId id = Start(
      "command", Shell("echo $PPID > " + folder_ + "/pid; exec sleep 1000"));
  const pid_t spawner = std::stoi(LineOf("pid"));
  kill(spawner, SIGKILL);
  EXPECT_EQ(Await(id).ending, Ending::kEvicted);
  EXPECT_EQ(Run("command", R"({"argv":["true"]})").ending, Ending::kSucceeded);
}

// Another one is launched at most once a second.
TEST_F(CommandTest, WhatComesWithoutASpawnerWaitsForOne) {
  Make();
  const std::string sleeper =
      Shell("echo $PPID > " + folder_ + "/pid-{{index}}; exec sleep 1000");
  for (int i = 0; i < 2; ++i) {
    const AttemptId id = Start("command", sleeper);
    kill(std::stoi(LineOf("pid-" + std::to_string(id.task))), SIGKILL);
    EXPECT_EQ(Await(id).ending, Ending::kEvicted);
  }
  const AttemptId stopped = Start("command", sleeper);
  const AttemptId waits = Start("command", R"({"argv":["true"]})");
  executor_->Cancel(stopped, CancelMode::kAsk);
  // Cancelled if it had not come to that yet.
  const Ending ending = Await(stopped).ending;
  EXPECT_TRUE(ending == Ending::kEvicted || ending == Ending::kCancelled);
  EXPECT_EQ(Await(waits).ending, Ending::kSucceeded);
}

TEST_F(CommandTest, TheEndOfTheLeaseEvictsAndTheNextOneLetsStartAgain) {
  auto lease = LeasePage::Make();
  ASSERT_TRUE(lease.ok()) << lease.status();
  options_.ties.lease = lease->fd();
  Make();
  const AttemptId id = Start("command", Shell("trap '' TERM; echo $$ > " +
                                              folder_ + "/pid; sleep 1000"));
  const pid_t command = std::stoi(LineOf("pid"));
  const SystemClock clock(SystemClock::Suspend::kCounted);
  lease->SetEnd(clock.Now());
  EXPECT_EQ(Run("command", R"({"argv":["true"]})").ending, Ending::kEvicted);
  const Outcome& outcome = Await(id);
  EXPECT_EQ(outcome.ending, Ending::kEvicted);
  EXPECT_NE(outcome.error.find("lease"), std::string::npos) << outcome.error;
  EXPECT_FALSE(IsAlive(command));
  lease->SetEnd(MonotonicTime::max());
  EXPECT_EQ(Run("command", R"({"argv":["true"]})").ending, Ending::kSucceeded);
}

}  // namespace
}  // namespace remuda

#include "executors/processes/spawner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <optional>

#include "base/check.h"
#include "base/clock.h"
#include "executors/processes/lease_page.h"
#include "executors/processes/process_tree.h"

namespace remuda {
namespace {

constexpr char kHelper[] = "executors/process_pool/process_pool_helper";

// Long enough for any machine; reaching it is a failure.
constexpr Duration kPatience = std::chrono::seconds(60);

bool WaitUntil(const std::function<bool()>& condition) {
  const SystemClock clock;
  const MonotonicTime give_up = clock.Now() + kPatience;
  while (clock.Now() < give_up) {
    if (condition()) return true;
    poll(nullptr, 0, 2);
  }
  return condition();
}

bool IsAlive(pid_t pid) {
  const std::optional<ProcessFacts> facts = ReadProcess(pid);
  return facts.has_value() && facts->state != 'Z';
}

// Whether nobody else holds it.
bool TakesLock(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  return flock(file.get(), LOCK_EX | LOCK_NB) == 0;
}

class SpawnerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto launched = Spawner::Launch(kHelper);
    ASSERT_TRUE(launched.ok()) << launched.status();
    spawner_ = *std::move(launched);
  }

  SpawnRequest Request(std::vector<std::string> argv) {
    SpawnRequest request;
    request.id = ++last_id_;
    request.argv = std::move(argv);
    request.mark =
        "mark-" + std::to_string(getpid()) + "-" + std::to_string(request.id);
    request.environment = {kChildPath, "REMUDA_MARK=" + request.mark};
    request.directory = "/";
    return request;
  }

  // Starts it with a pipe as its standard output.
  uint64_t Start(SpawnRequest request) {
    auto pipe = MakePipe();
    CHECK_OK(pipe);
    Spawner::Descriptors descriptors;
    descriptors[1] = std::move(pipe->second);
    const uint64_t id = request.id;
    outputs_[id] = std::move(pipe->first);
    spawner_->Start(std::move(request), std::move(descriptors));
    return id;
  }
  uint64_t StartShell(const std::string& script) {
    return Start(Request({"sh", "-c", script}));
  }

  void Flush() {
    ASSERT_TRUE(WaitUntil([&] {
      const auto sent = spawner_->Flush();
      return sent.ok() && *sent;
    }));
  }

  // Reads one line of what the program prints.
  std::string ReadLine(uint64_t id) {
    std::string line;
    char letter = 0;
    while (read(outputs_[id].get(), &letter, 1) == 1 && letter != '\n') {
      line += letter;
    }
    return line;
  }

  SpawnerReport WaitForReport(uint64_t id) {
    WaitUntil([&] {
      auto reports = spawner_->Take();
      CHECK_OK(reports);
      for (const SpawnerReport& report : *reports) {
        std::visit([&](const auto& one) { reports_[one.id] = one; }, report);
      }
      return reports_.contains(id);
    });
    CHECK(reports_.contains(id));
    return reports_[id];
  }
  ProcessExited WaitForExit(uint64_t id) {
    return std::get<ProcessExited>(WaitForReport(id));
  }

  std::unique_ptr<Spawner> spawner_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, UniqueFd> outputs_;
  std::map<uint64_t, SpawnerReport> reports_;
};

TEST_F(SpawnerTest, WhoWaitsInTheLineStartsWhenAnotherEnds) {
  SpawnRequest first = Request({"sh", "-c", "read line"});
  first.in_line = true;
  auto input = MakePipe();
  CHECK_OK(input);
  Spawner::Descriptors descriptors;
  descriptors[0] = std::move(input->first);
  const uint64_t first_id = first.id;
  spawner_->Start(std::move(first), std::move(descriptors));
  std::vector<uint64_t> next;
  for (const char* word : {"stopped", "second", "third"}) {
    SpawnRequest request = Request({"echo", word});
    request.in_line = true;
    request.waits = true;
    next.push_back(Start(std::move(request)));
  }
  spawner_->Signal({.id = next[0], .signal = SIGTERM});
  Flush();
  const auto stopped = std::get<SpawnFailed>(WaitForReport(next[0]));
  EXPECT_EQ(stopped.stage, SpawnStage::kStopped);
  EXPECT_EQ(ReadLine(next[0]), "");
  EXPECT_FALSE(reports_.contains(first_id));
  input->second.Reset();  // nothing else is said to the spawner
  WaitForExit(first_id);
  EXPECT_EQ(ReadLine(next[1]), "second");
  WaitForExit(next[1]);
  EXPECT_EQ(ReadLine(next[2]), "third");
  WaitForExit(next[2]);
}

TEST_F(SpawnerTest, OneOfTheLineThatCannotStartLeavesItsPlaceToTheNext) {
  std::vector<uint64_t> ids;
  for (const char* program : {"true", "/no/such/program", "true"}) {
    SpawnRequest request = Request({program});
    request.in_line = true;
    request.waits = !ids.empty();
    ids.push_back(Start(std::move(request)));
  }
  Flush();
  WaitForExit(ids[0]);
  const auto failed = std::get<SpawnFailed>(WaitForReport(ids[1]));
  EXPECT_EQ(failed.stage, SpawnStage::kProgram);
  WaitForExit(ids[2]);
}

TEST_F(SpawnerTest, ReportsHowProgramsEnd) {
  const uint64_t good = StartShell("exit 0");
  const uint64_t bad = StartShell("exit 3");
  const uint64_t crash = StartShell("kill -SEGV $$");
  Flush();
  EXPECT_EQ(DescribeWaitStatus(WaitForExit(good).wait_status), "");
  EXPECT_EQ(DescribeWaitStatus(WaitForExit(bad).wait_status),
            "exited with code 3");
  const ProcessExited exited = WaitForExit(crash);
  EXPECT_EQ(DescribeWaitStatus(exited.wait_status),
            "killed by SIGSEGV (segmentation fault)");
  EXPECT_FALSE(exited.signalled);
  EXPECT_GT(exited.wall.count(), 0);
}

TEST_F(SpawnerTest, NamesWhatCannotBeRun) {
  const uint64_t missing = Start(Request({"nosuch-program"}));
  const uint64_t folder = Start(Request({"/"}));
  SpawnRequest lost = Request({"true"});
  lost.directory = "/nosuch-folder";
  const uint64_t nowhere = Start(lost);
  const uint64_t fine = StartShell("exit 0");
  Flush();
  EXPECT_EQ(DescribeSpawnFailure(std::get<SpawnFailed>(WaitForReport(missing)),
                                 "nosuch-program", "/"),
            "cannot run 'nosuch-program': not found on PATH");
  EXPECT_EQ(std::get<SpawnFailed>(WaitForReport(folder)).error_number, EACCES);
  EXPECT_EQ(DescribeSpawnFailure(std::get<SpawnFailed>(WaitForReport(nowhere)),
                                 "true", "/nosuch-folder"),
            "cannot enter the working folder '/nosuch-folder': No such file "
            "or directory");
  EXPECT_EQ(WaitForExit(fine).wait_status, 0);
}

TEST_F(SpawnerTest, GivesTheChildNothingButWhatWasAskedFor) {
  const uint64_t id = StartShell(
      "env | sort | tr '\\n' ' ';"
      "umask | tr -d '\\n'; grep -E 'NoNewPrivs|SigBlk|SigIgn' /proc/$$/status "
      "| "
      "tr -d '\\t\\n'; ps -o sid= -p $$ | tr -d ' '; echo $$");
  Flush();
  std::string printed = ReadLine(id);
  EXPECT_NE(printed.find("PATH=/usr/local/sbin"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("HOME="), std::string::npos) << printed;
  EXPECT_NE(printed.find(" 0077"), std::string::npos) << printed;
  EXPECT_NE(printed.find("SigBlk:0000000000000000"
                         "SigIgn:0000000000000000NoNewPrivs:1"),
            std::string::npos)
      << printed;
  WaitForExit(id);
  // The fourth is the folder that it lists.
  const uint64_t list = Start(Request({"ls", "-m", "/proc/self/fd"}));
  Flush();
  EXPECT_EQ(ReadLine(list), "0, 1, 2, 3");
  WaitForExit(list);
}

TEST_F(SpawnerTest, KillReachesTheWholeTree) {
  const uint64_t id = StartShell(
      "trap '' TERM; sleep 1000 & setsid sleep 1001 & "
      "setsid sh -c 'sleep 1002 & sleep 1003' & "
      "echo $(pgrep -f '^sleep 100[0-3]' -d ' '); wait");
  Flush();
  ReadLine(id);
  spawner_->Signal({id, SIGTERM, SignalTarget::kGroup});
  spawner_->Signal({id, SIGKILL, SignalTarget::kTree});
  Flush();
  const ProcessExited exited = WaitForExit(id);
  EXPECT_EQ(WTERMSIG(exited.wait_status), SIGKILL);
  EXPECT_TRUE(exited.signalled);
  EXPECT_FALSE(exited.left_survivors);
  // The report comes only when nothing is left.
  for (const ProcessFacts& process : ReadProcesses()) {
    EXPECT_FALSE(process.state != 'Z' &&
                 ReadMark(process.pid) == "mark-" + std::to_string(getpid()) +
                                              "-" + std::to_string(id))
        << process.pid;
  }
}

// Prints the number of a daemon of its own session whose parents have ended.
constexpr char kDaemon[] =
    "setsid sh -c '(setsid sh -c \"echo \\$\\$; exec sleep 1000\" &)' | "
    "{ read number; echo $number; }";

TEST_F(SpawnerTest, NothingOutlivesTheRoot) {
  const uint64_t id = StartShell(kDaemon);
  Flush();
  const pid_t daemon = std::stoi(ReadLine(id));
  EXPECT_EQ(WaitForExit(id).wait_status, 0);
  EXPECT_FALSE(IsAlive(daemon));
}

TEST_F(SpawnerTest, ADaemonWithoutEnvironmentDiesWithItsOnlyPossibleRoot) {
  const uint64_t id = StartShell(
      "(setsid env -i sh -c 'echo $$; exec /bin/sleep 1000' &) | "
      "{ read number; echo $number; }");
  Flush();
  const pid_t daemon = std::stoi(ReadLine(id));
  EXPECT_EQ(WaitForExit(id).wait_status, 0);
  EXPECT_FALSE(IsAlive(daemon));
}

TEST_F(SpawnerTest, NeighboursAndTheirDaemonsAreLeftAlone) {
  const uint64_t keeper = StartShell(std::string(kDaemon) + "; sleep 1000");
  Flush();
  const pid_t daemon = std::stoi(ReadLine(keeper));
  const uint64_t other = StartShell(kDaemon);
  Flush();
  const pid_t doomed = std::stoi(ReadLine(other));
  WaitForExit(other);
  EXPECT_FALSE(IsAlive(doomed));
  EXPECT_TRUE(IsAlive(daemon));
  spawner_->Signal({keeper, SIGKILL, SignalTarget::kTree});
  Flush();
  WaitForExit(keeper);
  EXPECT_FALSE(IsAlive(daemon));
}

TEST_F(SpawnerTest, EverythingDiesWithTheSocket) {
  const uint64_t id = StartShell(std::string(kDaemon) + "; sleep 1000");
  Flush();
  const pid_t daemon = std::stoi(ReadLine(id));
  const pid_t spawner = spawner_->pid();
  EXPECT_TRUE(IsAlive(daemon));
  spawner_.reset();
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(daemon); }));
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(spawner); }));
  // The pipe ends when the last process that held it is gone.
  EXPECT_EQ(ReadLine(id), "");
}

TEST_F(SpawnerTest, DeathOfTheSpawnerIsAnError) {
  const uint64_t id = StartShell("echo $$; exec sleep 1000");
  Flush();
  const pid_t root = std::stoi(ReadLine(id));
  kill(spawner_->pid(), SIGKILL);
  EXPECT_TRUE(WaitUntil([&] { return !spawner_->Take().ok(); }));
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(root); }));
}

TEST_F(SpawnerTest, AThousandPrograms) {
  std::vector<uint64_t> ids;
  for (int i = 0; i < 1000; ++i) {
    SpawnRequest request = Request({"/bin/true"});
    ids.push_back(request.id);
    spawner_->Start(std::move(request), {});
  }
  Flush();
  for (const uint64_t id : ids) EXPECT_EQ(WaitForExit(id).wait_status, 0);
}

TEST_F(SpawnerTest, ALargeEnvironmentArrives) {
  SpawnRequest request = Request({"sh", "-c", "echo ${#BIG}"});
  request.environment.push_back("BIG=" + std::string(100000, 'x'));
  const uint64_t id = Start(std::move(request));
  Flush();
  EXPECT_EQ(ReadLine(id), "100000");
  WaitForExit(id);
}

TEST_F(SpawnerTest, KeepsTheWorkLockToItsEndAndGivesItToNobody) {
  const std::string path = testing::TempDir() + "/work.lock";
  UniqueFd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(flock(lock.get(), LOCK_EX | LOCK_NB), 0);
  auto launched = Spawner::Launch(kHelper, {.work_lock = lock.get()});
  ASSERT_TRUE(launched.ok()) << launched.status();
  spawner_ = *std::move(launched);
  lock.Reset();
  const uint64_t id = StartShell("ls -l /proc/$$/fd | grep -c work.lock");
  Flush();
  EXPECT_EQ(ReadLine(id), "0");
  WaitForExit(id);
  EXPECT_FALSE(TakesLock(path));
  StartShell("sleep 1000");
  Flush();
  spawner_.reset();
  EXPECT_TRUE(TakesLock(path));
}

class SpawnerLeaseTest : public SpawnerTest {
 protected:
  void SetUp() override {
    auto page = LeasePage::Make();
    ASSERT_TRUE(page.ok()) << page.status();
    page_.emplace(*std::move(page));
    auto launched = Spawner::Launch(kHelper, {.lease = page_->fd()});
    ASSERT_TRUE(launched.ok()) << launched.status();
    spawner_ = *std::move(launched);
  }

  const SystemClock clock_{SystemClock::Suspend::kCounted};
  std::optional<LeasePage> page_;
};

TEST_F(SpawnerLeaseTest, WithTheLeaseEndsAllThatRuns) {
  const uint64_t before = StartShell("exit 0");
  Flush();
  EXPECT_FALSE(WaitForExit(before).lease_over);
  // What it starts in a session of its own as well.
  const uint64_t id =
      StartShell(std::string(kDaemon) + "; trap '' TERM; sleep 1000");
  Flush();
  const pid_t daemon = std::stoi(ReadLine(id));
  EXPECT_TRUE(IsAlive(daemon));
  // From here on nothing is asked of the spawner, as by an agent that stands.
  page_->SetEnd(clock_.Now() + std::chrono::milliseconds(50));
  const uint64_t other = StartShell("sleep 1000");
  Flush();
  const ProcessExited exited = WaitForExit(id);
  EXPECT_TRUE(exited.lease_over);
  EXPECT_FALSE(IsAlive(daemon));
  EXPECT_GE(clock_.Now(), *page_->end());
  const SpawnerReport report = WaitForReport(other);
  const auto* ended = std::get_if<ProcessExited>(&report);
  EXPECT_TRUE(ended == nullptr || ended->lease_over);
}

TEST_F(SpawnerLeaseTest, StartsNothingUntilAnotherIsTold) {
  page_->SetEnd(clock_.Now());
  const uint64_t refused = StartShell("exit 0");
  Flush();
  EXPECT_EQ(std::get<SpawnFailed>(WaitForReport(refused)).stage,
            SpawnStage::kLease);
  page_->SetEnd(MonotonicTime::max());
  const uint64_t id = StartShell("exit 0");
  Flush();
  EXPECT_FALSE(WaitForExit(id).lease_over);
}

TEST_F(SpawnerLeaseTest, ALeaseThatIsRenewedEndsNothing) {
  page_->SetEnd(clock_.Now() + std::chrono::milliseconds(100));
  const uint64_t id = StartShell("echo here; exec sleep 1000");
  Flush();
  // Renewed many times, until long after the first end.
  const MonotonicTime until = clock_.Now() + std::chrono::milliseconds(500);
  page_->SetEnd(until + std::chrono::hours(1));
  EXPECT_EQ(ReadLine(id), "here");
  EXPECT_TRUE(WaitUntil([&] { return clock_.Now() >= until; }));
  const auto reports = spawner_->Take();
  ASSERT_TRUE(reports.ok());
  EXPECT_TRUE(reports->empty());
  spawner_->Signal(
      {.id = id, .signal = SIGKILL, .target = SignalTarget::kTree});
  Flush();
  EXPECT_FALSE(WaitForExit(id).lease_over);
}

TEST(SpawnerDeathOfAgentTest, LeavesNothing) {
  // The agent is a child of this test that is killed without warning.
  auto pipe = MakePipe();
  CHECK_OK(pipe);
  const pid_t agent = fork();
  if (agent == 0) {
    auto spawner = Spawner::Launch(kHelper);
    SpawnRequest request;
    request.id = 1;
    request.argv = {"sh", "-c", std::string(kDaemon) + "; sleep 1000"};
    request.mark = "m";
    request.environment = {kChildPath, "REMUDA_MARK=m"};
    request.directory = "/";
    Spawner::Descriptors descriptors;
    descriptors[1] = std::move(pipe->second);
    (*spawner)->Start(std::move(request), std::move(descriptors));
    while (!*(*spawner)->Flush()) {
    }
    pause();
    _exit(0);
  }
  pipe->second.Reset();
  char digits[32] = {};
  ASSERT_GT(read(pipe->first.get(), digits, sizeof(digits) - 1), 0);
  const pid_t daemon = std::stoi(digits);
  EXPECT_TRUE(IsAlive(daemon));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(daemon); }));
  // Ends only when every process that could write is gone.
  while (read(pipe->first.get(), digits, sizeof(digits)) > 0) {
  }
}

}  // namespace
}  // namespace remuda

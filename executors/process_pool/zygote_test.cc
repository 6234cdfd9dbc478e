#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/file_descriptor.h"
#include "executors/process_pool/process_pool_fixture.h"
#include "executors/processes/lease_page.h"
#include "executors/processes/process_tree.h"
#include "executors/processes/spawner.h"
#include "workers/protocol/worker_channel.h"

#if defined(__SANITIZE_THREAD__)
#define REMUDA_TSAN 1
#endif

namespace remuda {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string ProcFile(pid_t pid, const std::string& name) {
  return ReadAll("/proc/" + std::to_string(pid) + "/" + name);
}

std::string LinkOf(pid_t pid, const std::string& name) {
  std::error_code ignored;
  return std::filesystem::read_symlink(
             "/proc/" + std::to_string(pid) + "/" + name, ignored)
      .string();
}

// One worker that the test has started, without an agent.
struct Worker {
  uint64_t id = 0;
  std::string mark;
  UniqueFd channel;
  UniqueFd output;
  pid_t pid = 0;  // as it has said hello; 0 if it never did
};

enum class Program { kNative, kPython };

class ZygoteTest : public testing::TestWithParam<Program> {
 protected:
  ZygoteTest() {
    folder_ =
        std::filesystem::temp_directory_path() / ("zygote-" + RandomHex(8));
    std::filesystem::create_directory(folder_);
  }
  ~ZygoteTest() override {
    spawner_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void SetUp() override {
#ifdef REMUDA_TSAN
    if (GetParam() == Program::kNative) {
      GTEST_SKIP() << "tsan has a thread of its own, so nothing is forked";
    }
#endif
    Launch({});
  }

  void Launch(const SpawnerTies& ties) {
    auto launched =
        Spawner::Launch(std::filesystem::absolute(kPoolHelper).string(), ties);
    ASSERT_TRUE(launched.ok()) << launched.status();
    spawner_ = *std::move(launched);
  }

  std::vector<std::string> Words() const {
    if (GetParam() == Program::kNative) {
      return {std::filesystem::absolute(kPoolHelper).string(), "worker", "3"};
    }
    return {
        "python3",
        std::filesystem::absolute("workers/python/remuda_worker.pyz").string()};
  }

  // Sends the request; hello is not waited for.
  Worker Send() {
    Worker worker;
    worker.id = ++last_id_;
    worker.mark = "zygote-test-" + std::to_string(getpid()) + "-" +
                  std::to_string(worker.id);
    SpawnRequest request;
    request.id = worker.id;
    request.argv = Words();
    request.environment = {kChildPath, "REMUDA_WORKER_FD=3",
                           "REMUDA_WORKER_CELL_FD=4"};
    request.environment.insert(request.environment.end(), more_.begin(),
                               more_.end());
    request.mark = worker.mark;
    request.environment.push_back("REMUDA_MARK=" + request.mark);
    request.directory =
        folder_.string() + "/worker-" + std::to_string(worker.id);
    std::filesystem::create_directory(request.directory);
    request.zygote = "process";
    auto pair = MakeSocketPair();
    CHECK_OK(pair);
    worker.channel = std::move(pair->first);
    const std::string output = request.directory + ".out";
    worker.output.Reset(
        open(output.c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
    Spawner::Descriptors descriptors;
    descriptors[1].Reset(fcntl(worker.output.get(), F_DUPFD_CLOEXEC, 10));
    descriptors[2].Reset(fcntl(worker.output.get(), F_DUPFD_CLOEXEC, 10));
    descriptors[3] = std::move(pair->second);
    descriptors[4].Reset(memfd_create("cell", MFD_CLOEXEC));
    CHECK(ftruncate(descriptors[4].get(), 64) == 0);
    spawner_->Start(std::move(request), std::move(descriptors));
    CHECK(WaitUntil([&] {
      const auto sent = spawner_->Flush();
      return sent.ok() && *sent;
    }));
    return worker;
  }

  // Waits for its hello, or for the end of its channel.
  static void AwaitHello(Worker& worker) {
    std::string frame;
    std::array<char, 4096> bytes;
    while (frame.find('}') == std::string::npos) {
      const ssize_t count =
          recv(worker.channel.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return;
      frame.append(bytes.data(), static_cast<size_t>(count));
    }
    constexpr std::string_view kPid = "\"pid\":";
    const size_t at = frame.find(kPid);
    if (at != std::string::npos) {
      worker.pid = std::atoi(frame.c_str() + at + kPid.size());
    }
  }

  Worker StartWorker() {
    Worker worker = Send();
    AwaitHello(worker);
    EXPECT_GT(worker.pid, 0) << "said no hello";
    return worker;
  }

  SpawnerReport AwaitEnd(uint64_t id) {
    WaitUntil([&] {
      auto reports = spawner_->Take();
      CHECK_OK(reports);
      for (const SpawnerReport& report : *reports) {
        std::visit(
            [&](const auto& one) {
              EXPECT_TRUE(reports_.emplace(one.id, one).second)
                  << one.id << " ended twice";
            },
            report);
      }
      return reports_.contains(id);
    });
    CHECK(reports_.contains(id));
    return reports_[id];
  }

  ProcessExited EndBy(const Worker& worker, int signal) {
    kill(worker.pid, signal);
    return std::get<ProcessExited>(AwaitEnd(worker.id));
  }

  // The zygotes of this test's spawner.
  std::vector<pid_t> Zygotes() const {
    std::vector<pid_t> found;
    for (const ProcessFacts& process : ReadProcesses()) {
      if (process.parent == spawner_->pid() && process.state != 'Z' &&
          ProcFile(process.pid, "environ").find("REMUDA_ZYGOTE=") !=
              std::string::npos) {
        found.push_back(process.pid);
      }
    }
    return found;
  }

  // A forked worker's environment is as long as its zygote's was.
  static bool IsForked(pid_t pid) {
    return ProcFile(pid, "environ").ends_with(std::string(2, '\0'));
  }

  // Lets workers die until one is forked.
  Worker StartForked() {
    std::optional<Worker> forked;
    EXPECT_TRUE(WaitUntil([&] {
      Worker worker = StartWorker();
      if (IsForked(worker.pid)) {
        forked = std::move(worker);
        return true;
      }
      EndBy(worker, SIGKILL);
      return false;
    }));
    CHECK(forked.has_value());
    return *std::move(forked);
  }

  // All that a worker has from its start, as text, with what is its own left
  // out.
  std::string Looks(const Worker& worker) const {
    const pid_t pid = worker.pid;
    std::string text = LinkOf(pid, "exe") + "\n" + ProcFile(pid, "cmdline");
    std::string environment = ProcFile(pid, "environ");
    EXPECT_NE(environment.find("REMUDA_MARK=" + worker.mark + '\0'),
              std::string::npos);
    environment.erase(environment.find_last_not_of('\0') + 1);
    text += environment.substr(0, environment.rfind('-')) + "\n";
    EXPECT_EQ(LinkOf(pid, "cwd"),
              (folder_ / ("worker-" + std::to_string(worker.id))).string());
    const std::optional<ProcessFacts> facts = ReadProcess(pid);
    EXPECT_TRUE(facts.has_value());
    EXPECT_EQ(facts->session, pid);
    EXPECT_EQ(getpgid(pid), pid);
    EXPECT_EQ(facts->parent, spawner_->pid());
    EXPECT_EQ(LinkOf(pid, "fd/1"),
              (folder_ / ("worker-" + std::to_string(worker.id) + ".out")));
    for (const char* name : {"Umask", "Uid", "Gid", "Groups", "SigBlk",
                             "SigIgn", "SigCgt", "NoNewPrivs", "CapEff"}) {
      const std::string status = ProcFile(pid, "status");
      const size_t at = status.find(std::string("\n") + name);
      text += status.substr(at, status.find('\n', at + 1) - at);
    }
    text += "\n" + ProcFile(pid, "limits") + ProcFile(pid, "cgroup") +
            ProcFile(pid, "oom_score_adj");
    std::set<std::string> open;
    for (const auto& entry : std::filesystem::directory_iterator(
             "/proc/" + std::to_string(pid) + "/fd")) {
      open.insert(entry.path().filename().string());
    }
    for (const std::string& fd : open) text += fd + " ";
    return text;
  }

  std::filesystem::path folder_;
  std::vector<std::string> more_;  // of the environment
  std::unique_ptr<Spawner> spawner_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, SpawnerReport> reports_;
};

TEST_P(ZygoteTest, AForkedWorkerLooksLikeOneThatWasStarted) {
  const Worker started = StartWorker();
  EXPECT_TRUE(Zygotes().empty()) << "before anything has ended";
  const std::string expected = Looks(started);
  EndBy(started, SIGKILL);
  const Worker forked = StartForked();
  EXPECT_EQ(Looks(forked), expected);
  EXPECT_EQ(Zygotes().size(), 1u);
}

TEST_P(ZygoteTest, TheEndOfAForkedWorkerIsItsOwn) {
  const Worker first = StartForked();
  const Worker second = StartForked();
  const ProcessExited exited = EndBy(first, SIGUSR1);
  EXPECT_EQ(DescribeWaitStatus(exited.wait_status),
            "killed by SIGUSR1 (user defined signal 1)");
  EXPECT_FALSE(exited.signalled);
  EXPECT_LT(exited.cpu, std::chrono::seconds(5));
  EXPECT_TRUE(IsAlive(second.pid));
  // The one whose channel ends does so by itself.
  Worker last = StartForked();
  last.channel.Reset();
  EXPECT_EQ(std::get<ProcessExited>(AwaitEnd(last.id)).wait_status, 0);
}

TEST_P(ZygoteTest, KillsOfATreeReachAForkedWorker) {
  const Worker worker = StartForked();
  spawner_->Signal(
      {.id = worker.id, .signal = SIGKILL, .target = SignalTarget::kTree});
  ASSERT_TRUE(spawner_->Flush().ok());
  EXPECT_TRUE(std::get<ProcessExited>(AwaitEnd(worker.id)).signalled);
  EXPECT_EQ(Zygotes().size(), 1u);
}

TEST_P(ZygoteTest, WithoutItsZygoteAWorkerIsStartedAndLaterForkedAgain) {
  const Worker survivor = StartForked();
  kill(Zygotes().at(0), SIGKILL);
  const Worker next = StartWorker();
  EXPECT_FALSE(IsForked(next.pid));
  EXPECT_TRUE(IsAlive(survivor.pid));
  EndBy(next, SIGKILL);
  EndBy(StartForked(), SIGKILL);
  EXPECT_TRUE(IsAlive(survivor.pid));
}

TEST_P(ZygoteTest, AZygoteThatHangsCostsNobodyAStart) {
  EndBy(StartForked(), SIGKILL);
  const pid_t zygote = Zygotes().at(0);
  kill(zygote, SIGSTOP);
  const Worker next = StartWorker();
  EXPECT_FALSE(IsForked(next.pid));
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(zygote); }));
}

// Wherever the kill hits, each request gives one worker and no more.
TEST_P(ZygoteTest, AZygoteThatIsKilledAmidForksDoublesNoWorker) {
  EndBy(StartForked(), SIGKILL);
  int forked = 0;
  int killed = 0;
  for (int i = 0; i < 60; ++i) {
    std::vector<pid_t> zygotes = Zygotes();
    Worker worker = Send();
    for (int spin = 0; spin < i * 500; ++spin) getppid();
    if (i % 2 == 0) {
      for (const pid_t zygote : zygotes) killed += kill(zygote, SIGKILL) == 0;
    }
    AwaitHello(worker);
    ASSERT_GT(worker.pid, 0) << i;
    forked += IsForked(worker.pid);
    EXPECT_EQ(EndBy(worker, SIGKILL).id, worker.id);
    // A second one would hold the other end, and have said hello by it.
    char more = 0;
    EXPECT_EQ(recv(worker.channel.get(), &more, 1, 0), 0) << i;
    // So that the next one, which is left alone, is forked on any machine.
    if (i % 10 == 8) EndBy(StartForked(), SIGKILL);
  }
  EXPECT_GT(forked, 0);
  EXPECT_GT(killed, 0);
}

TEST_P(ZygoteTest, NothingOutlivesTheSpawner) {
  const Worker worker = StartForked();
  const pid_t zygote = Zygotes().at(0);
  kill(spawner_->pid(), SIGKILL);
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(worker.pid); }));
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(zygote); }));
}

TEST_P(ZygoteTest, NothingOutlivesTheSocket) {
  const Worker worker = StartForked();
  const pid_t zygote = Zygotes().at(0);
  spawner_.reset();
  EXPECT_FALSE(IsAlive(worker.pid));
  EXPECT_FALSE(IsAlive(zygote));
}

TEST_P(ZygoteTest, TheLeaseEndsForkedWorkers) {
  auto page = LeasePage::Make();
  ASSERT_TRUE(page.ok()) << page.status();
  Launch({.lease = page->fd()});
  const Worker worker = StartForked();
  const SystemClock clock(SystemClock::Suspend::kCounted);
  page->SetEnd(clock.Now());
  // It looks at the lease at its next turn.
  spawner_->Signal(
      {.id = worker.id, .signal = SIGCONT, .target = SignalTarget::kProcess});
  ASSERT_TRUE(spawner_->Flush().ok());
  EXPECT_TRUE(std::get<ProcessExited>(AwaitEnd(worker.id)).lease_over);
  const Worker refused = Send();
  EXPECT_EQ(std::get<SpawnFailed>(AwaitEnd(refused.id)).stage,
            SpawnStage::kLease);
}

INSTANTIATE_TEST_SUITE_P(Of, ZygoteTest,
                         testing::Values(Program::kNative, Program::kPython),
                         [](const auto& one) {
                           return one.param == Program::kNative ? "Native"
                                                                : "Python";
                         });

class PythonZygoteTest : public ZygoteTest {};

// Code that runs at the start of the interpreter and is not Remuda's.
TEST_P(PythonZygoteTest, AnInterpreterWithThreadsIsNotForked) {
  const std::string code = folder_.string() + "/code";
  std::filesystem::create_directory(code);
  std::ofstream(code + "/sitecustomize.py")
      << "import threading\n"
         "threading.Thread(target=threading.Event().wait, daemon=True)"
         ".start()\n";
  more_ = {"PYTHONPATH=" + code};
  EndBy(StartWorker(), SIGKILL);
  EndBy(StartWorker(), SIGKILL);  // begins a zygote
  EXPECT_TRUE(WaitUntil([&] { return Zygotes().empty(); }));
  const Worker worker = StartWorker();
  EXPECT_FALSE(IsForked(worker.pid));
}

INSTANTIATE_TEST_SUITE_P(Of, PythonZygoteTest,
                         testing::Values(Program::kPython));

// The same through the pool.
class ForkingPoolTest : public ProcessPoolTest {
 protected:
  void SetUp() override {
    options_.slots = 2;
    options_.workers = {PythonWorker(
        std::filesystem::absolute("workers/python/remuda_worker.pyz")
            .string())};
    std::ofstream(folder_ + "/code.py") << R"(
import ctypes, os, random, sys, time
def look(n):
    print("printed", n, flush=True)
    os.system(f"echo by a child {n}")
    environ = open("/proc/self/environ", "rb").read()
    return [environ.endswith(b"\0\0"), random.random(), os.getpid(),
            "REMUDA_ZYGOTE" in os.environ]
def crash(n):
    print("before the end", flush=True)
    ctypes.string_at(0)
def leave(n): os._exit(7)
def fill(n): return len(b'x' * (500 << 20))
)";
  }

  Outcome Call(const std::string& function, uint64_t memory_bytes = 0) {
    auto work = std::make_shared<JobWork>(
        *Work("python", R"({"function":"code:)" + function + R"(","path":[")" +
                            folder_ + R"("]})"));
    work->job.resources.memory_bytes = memory_bytes;
    const Attempt attempt = Next(std::move(work), "5");
    EXPECT_TRUE(executor_->Start(std::vector{attempt}).ok());
    return Await(attempt.id);
  }

  // Lets tasks die until a worker is forked; what look() says there.
  std::string LookForked(uint64_t memory_bytes = 0) {
    std::string said;
    EXPECT_TRUE(WaitUntil([&] {
      const Outcome outcome = Call("look", memory_bytes);
      EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
      said = outcome.output;
      log_path_ = outcome.log_path;
      if (said.starts_with("[true")) return true;
      EXPECT_EQ(Call("leave", memory_bytes).ending, Ending::kCrash);
      return false;
    }));
    return said;
  }

  std::string log_path_;
};

TEST_F(ForkingPoolTest, ForkedWorkersDoWhatOthersDo) {
  Make();
  std::set<std::string> said;
  for (int i = 0; i < 5; ++i) {
    said.insert(LookForked());
    EXPECT_EQ(ReadAll(log_path_ + "/stdout"), "printed 5\nby a child 5\n");
    Outcome outcome = Call("crash");
    EXPECT_EQ(outcome.ending, Ending::kCrash);
    EXPECT_TRUE(outcome.error.starts_with(
        "the Python worker was killed by SIGSEGV (segmentation fault) while "
        "it ran the task"))
        << outcome.error;
    EXPECT_NE(outcome.error.find("in crash"), std::string::npos);
    EXPECT_EQ(ReadAll(outcome.log_path + "/stdout"), "before the end");
    outcome = Call("leave");
    EXPECT_EQ(outcome.error,
              "the Python worker exited with code 7 while it ran the task");
  }
  for (const std::string& one : said) {
    EXPECT_TRUE(one.ends_with(",false]")) << one;
  }
  // Random numbers differ as processes do.
  EXPECT_EQ(said.size(), 5u);
}

TEST_F(ForkingPoolTest, AForkedWorkerHasItsMemoryLimit) {
  Make();
  constexpr uint64_t kLimit = uint64_t{128} << 20;
  LookForked(kLimit);
  const Outcome outcome = Call("fill", kLimit);
  EXPECT_EQ(outcome.ending, Ending::kOom) << outcome.error;
  EXPECT_NE(outcome.error.find("limit of 128Mi"), std::string::npos)
      << outcome.error;
}

}  // namespace
}  // namespace remuda

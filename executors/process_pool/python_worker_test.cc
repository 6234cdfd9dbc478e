#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "executors/process_pool/process_pool_fixture.h"

namespace remuda {
namespace {

constexpr char kModule[] = R"(
import ctypes, os, subprocess, sys, time

def double(x): return 2 * x
def greet(name, greeting="hello"): return f"{greeting}, {name}"
def nothing(): pass
def fail(text="bad row"): raise ValueError(text)
def leave(code=7): os._exit(code)
def leave_politely(): sys.exit(3)
def crash(): ctypes.string_at(0)
def give_set(): return {"rows": [1, {2}]}
def big_integer(): return 2 ** 200
async def later(): pass
def deep():
    value = []
    for _ in range(70): value = [value]
    return value
def talk(lines=2):
    print("printed")
    os.write(1, b"written\n")
    subprocess.run(["echo", "by a child"])
    print("to stderr", file=sys.stderr)
    for i in range(lines - 2): print("line", i)
    return "said"
def close_all():
    os.close(1)
    sys.stderr = None
def environment(): return [os.environ["REMUDA_TASK_INDEX"], sorted(os.environ)]
def wait(file):
    with open(file, "w") as out: out.write(f"{os.getpid()}\n")
    time.sleep(3000)
def clean_up(file):
    try:
        wait(file)
    finally:
        print("cleaned up")
def ignore(file):
    child = subprocess.Popen(["sleep", "3000"])
    with open(file, "w") as out: out.write(f"{child.pid}\n")
    while True:
        try:
            time.sleep(3000)
        except BaseException:
            pass
def nap(seconds):
    if seconds: time.sleep(seconds)
def pid(): return os.getpid()
)";

class PythonWorkerTest : public ProcessPoolTest {
 protected:
  PythonWorkerTest() {
    const auto script =
        std::filesystem::absolute("workers/python/remuda_worker.pyz");
    options_.slots = 2;
    options_.workers = {PythonWorker(script.string())};
    std::ofstream(folder_ + "/job_code.py") << kModule;
  }

  std::string With(const std::string& function, const std::string& more = "") {
    return R"({"function":"job_code:)" + function + R"(","path":[")" + folder_ +
           R"("])" + more + "}";
  }
  Outcome Call(const std::string& function, const std::string& more = "",
               std::string item = "null") {
    return Run("python", With(function, more), std::move(item));
  }
  AttemptId Begin(const std::string& function, const std::string& file) {
    const AttemptId id =
        Start("python",
              With(function, R"(,"args":[")" + folder_ + "/" + file + R"("])"));
    EXPECT_TRUE(WaitUntil([&] { return NumberIn(file) > 0; }));
    return id;
  }
  pid_t NumberIn(const std::string& file) {
    std::ifstream in(folder_ + "/" + file);
    std::string line;
    if (!std::getline(in, line) || in.eof()) return 0;
    return std::stoi(line);
  }
  static std::string Content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static std::string FirstLine(const std::string& text) {
    return text.substr(0, text.find('\n'));
  }
};

TEST_F(PythonWorkerTest, CallsFunctions) {
  Make();
  EXPECT_EQ(Call("double", "", "21").output, "42");
  EXPECT_EQ(Call("double", "", "\"ab\"").output, "\"abab\"");
  EXPECT_EQ(Call("nothing").output, "null");
  EXPECT_EQ(Call("greet", R"(,"args":["{{item}}"],"kwargs":{"greeting":"hi"})",
                 "\"Ann\"")
                .output,
            "\"hi, Ann\"");
  // Larger than any number of C++.
  EXPECT_EQ(Call("big_integer").output,
            "16069380442589902755419620923411626025222029937827928353013"
            "76");
  const Outcome outcome = Call("nap", R"(,"args":[0.01])");
  EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
  EXPECT_GE(outcome.wall, std::chrono::milliseconds(10));
  EXPECT_TRUE(outcome.usage.cpu.has_value());
  EXPECT_TRUE(outcome.usage.switches_voluntary.has_value());
}

TEST_F(PythonWorkerTest, FailuresAreExplained) {
  Make();
  Outcome outcome = Call("fail");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(FirstLine(outcome.error), "ValueError: bad row");
  EXPECT_NE(outcome.error.find("job_code.py\", line 7, in fail"),
            std::string::npos)
      << outcome.error;
  EXPECT_EQ(outcome.error.find("remuda_worker.pyz"), std::string::npos)
      << outcome.error;
  outcome = Call("give_set");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_NE(outcome.error.find("the result['rows'][1] is of type set"),
            std::string::npos)
      << outcome.error;
  EXPECT_EQ(Call("later").output, "null");
  EXPECT_NE(Call("deep").error.find("levels deep"), std::string::npos);
  EXPECT_NE(Call("missing").error.find("it has: "), std::string::npos);
  outcome = Run("python", R"({"function":"nosuch_module:f","path":["/tmp"]})");
  EXPECT_EQ(outcome.error.rfind("cannot import 'nosuch_module'", 0), 0u)
      << outcome.error;
  EXPECT_NE(outcome.error.find("/tmp"), std::string::npos);
  outcome = Call("leave_politely");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(FirstLine(outcome.error),
            "SystemExit: the function called sys.exit(3)");
  EXPECT_EQ(Call("double", "", "1").output, "2");
}

TEST_F(PythonWorkerTest, CrashesAreNamedAndCostOneTask) {
  Make();
  Outcome outcome = Call("leave");
  EXPECT_EQ(outcome.ending, Ending::kCrash);
  EXPECT_EQ(outcome.error,
            "the Python worker exited with code 7 while it ran the task");
  outcome = Call("crash");
  EXPECT_EQ(outcome.ending, Ending::kCrash);
  EXPECT_EQ(FirstLine(outcome.error),
            "the Python worker was killed by SIGSEGV (segmentation fault) "
            "while it ran the task");
  EXPECT_NE(outcome.error.find("in crash"), std::string::npos) << outcome.error;
  EXPECT_EQ(Call("double", "", "1").output, "2");
}

TEST_F(PythonWorkerTest, NeighboursOfACrashAreUntouched) {
  Make();
  const auto good = Work("python", With("double"));
  const auto bad = Work("python", With("leave", R"(,"args":[])"));
  // Short enough that many wait in one worker.
  for (int i = 0; i < 50; ++i) Run("python", With("double"), "1");
  std::vector<AttemptId> bad_ids;
  std::vector<AttemptId> good_ids;
  for (int round = 0; round < 20; ++round) {
    std::vector<Attempt> batch;
    const size_t room = std::min<size_t>(executor_->capacity(), 100);
    for (size_t i = 0; i < room; ++i) {
      const bool is_bad = i == room / 2;
      batch.push_back(Next(is_bad ? bad : good, std::to_string(i)));
      (is_bad ? bad_ids : good_ids).push_back(batch.back().id);
    }
    ASSERT_TRUE(executor_->Start(batch).ok());
    for (const Attempt& attempt : batch) Await(attempt.id);
  }
  for (const AttemptId id : bad_ids) {
    EXPECT_EQ(outcomes_[id].ending, Ending::kCrash) << outcomes_[id].error;
  }
  for (const AttemptId id : good_ids) {
    EXPECT_EQ(outcomes_[id].ending, Ending::kSucceeded) << outcomes_[id].error;
  }
}

TEST_F(PythonWorkerTest, WhatATaskPrintsIsItsLog) {
  Make();
  Outcome outcome = Call("talk");
  EXPECT_EQ(outcome.output, "\"said\"") << outcome.error;
  std::string text = Content(outcome.log_path + "/stdout");
  EXPECT_EQ(text.size(), std::string("printed\nwritten\nby a child\n").size());
  EXPECT_NE(text.find("by a child\n"), std::string::npos);
  EXPECT_EQ(Content(outcome.log_path + "/stderr"), "to stderr\n");
  // The next one has nothing of it.
  EXPECT_EQ(Call("nothing").log_path, "");
  outcome = Call("talk", R"(,"args":[50000])");
  text = Content(outcome.log_path + "/stdout");
  EXPECT_NE(text.find("line 49997\n"), std::string::npos);
  EXPECT_GT(text.size(), 500'000u);
  Call("close_all");
  EXPECT_EQ(Content(Call("talk").log_path + "/stderr"), "to stderr\n");
}

TEST_F(PythonWorkerTest, TheEnvironmentIsSmall) {
  Make();
  const Outcome outcome = Call("environment");
  EXPECT_EQ(outcome.output.rfind(R"(["0",)", 0), 0u) << outcome.output;
  EXPECT_EQ(outcome.output.find("TEST_"), std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("WORKER_FD"), std::string::npos);
}

TEST_F(PythonWorkerTest, AskedToStopItMayCleanUp) {
  Make();
  const AttemptId id = Begin("clean_up", "ready");
  executor_->Cancel(id, CancelMode::kAsk);
  const Outcome outcome = Await(id);
  EXPECT_EQ(outcome.ending, Ending::kCancelled);
  EXPECT_EQ(Content(outcome.log_path + "/stdout"), "cleaned up\n");
  // The worker lives on.
  const pid_t worker = NumberIn("ready");
  EXPECT_EQ(Call("pid").output, std::to_string(worker));
}

TEST_F(PythonWorkerTest, ForceKillsItAndWhatItStarted) {
  Make();
  const AttemptId id = Begin("ignore", "ready");
  const pid_t child = NumberIn("ready");
  executor_->Cancel(id, CancelMode::kAsk);
  EXPECT_TRUE(IsAlive(child));
  executor_->Cancel(id, CancelMode::kForce);
  EXPECT_EQ(Await(id).ending, Ending::kCancelled);
  EXPECT_FALSE(IsAlive(child));
}

TEST_F(PythonWorkerTest, TasksBehindAHangRunElsewhere) {
  Make();
  const auto work = Work("python", With("nap"));
  ASSERT_TRUE(WaitUntil([&] {
    Run("python", With("nap"), "0");
    return executor_->capacity() > 20;
  }));
  std::vector<Attempt> batch = {Next(work, "3000")};
  for (int i = 0; i < 20; ++i) batch.push_back(Next(work, "0"));
  ASSERT_TRUE(executor_->Start(batch).ok());
  for (size_t i = 1; i < batch.size(); ++i) {
    EXPECT_EQ(Await(batch[i].id).ending, Ending::kSucceeded);
  }
  executor_->Cancel(batch[0].id, CancelMode::kForce);
  EXPECT_EQ(Await(batch[0].id).ending, Ending::kCancelled);
}

TEST_F(PythonWorkerTest, AKilledWorkerIsACrash) {
  Make();
  const AttemptId id = Begin("wait", "ready");
  kill(NumberIn("ready"), SIGKILL);
  const Outcome outcome = Await(id);
  EXPECT_EQ(outcome.ending, Ending::kCrash);
  EXPECT_NE(outcome.error.find("killed by SIGKILL"), std::string::npos);
}

TEST_F(PythonWorkerTest, AMissingInterpreterIsNamed) {
  Make();
  const Outcome outcome = Call("double", R"(,"python":"python9.9")", "1");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(outcome.error,
            "cannot start the Python worker: cannot run 'python9.9': not "
            "found on PATH");
  EXPECT_EQ(Call("double", R"(,"python":"python3")", "1").output, "2");
}

TEST_F(PythonWorkerTest, AFatWorkerIsReplaced) {
  options_.slots = 1;
  options_.worker_memory_bytes_max = 1;
  Make();
  const std::string first = Call("pid").output;
  EXPECT_TRUE(WaitUntil([&] { return Call("pid").output != first; }));
}

TEST_F(PythonWorkerTest, DrainLetsItEndOrEvicts) {
  Make();
  const AttemptId id = Begin("wait", "ready");
  const pid_t worker = NumberIn("ready");
  executor_->Drain(clock_.Now());
  EXPECT_EQ(Await(id).ending, Ending::kEvicted);
  EXPECT_FALSE(IsAlive(worker));
}

// What a worker has imported, as its module writes down who does.
class SpareWorkersTest : public PythonWorkerTest {
 protected:
  SpareWorkersTest() {
    std::ofstream(folder_ + "/noted.py")
        << "import os, time\n"
           "HERE = os.path.dirname(__file__)\n"
           "if os.path.exists(HERE + '/shut'): os._exit(9)\n"
           "with open(HERE + '/imports', 'a') as out:\n"
           "    out.write(f'{os.getpid()}\\n')\n"
           "def pid(): return os.getpid()\n"
           "def crash(): os.abort()\n"
           "def wait(file):\n"
           "    with open(file, 'w') as out: out.write(f'{os.getpid()}\\n')\n"
           "    time.sleep(3000)\n";
  }

  AttemptId BeginNoted(const std::string& function, const std::string& more) {
    return Start("python", R"({"function":"noted:)" + function +
                               R"(","path":[")" + folder_ + R"("])" + more +
                               "}");
  }
  Outcome CallNoted(const std::string& function) {
    return Await(BeginNoted(function, ""));
  }
  AttemptId BeginWait() {
    const AttemptId id =
        BeginNoted("wait", R"(,"args":[")" + folder_ + R"(/waits"])");
    EXPECT_TRUE(WaitUntil([&] { return NumberIn("waits") > 0; }));
    return id;
  }
  std::vector<std::string> Imports() {
    std::ifstream file(folder_ + "/imports");
    std::vector<std::string> pids;
    for (std::string line; std::getline(file, line);) pids.push_back(line);
    return pids;
  }
};

TEST_F(SpareWorkersTest, NoneWhileNothingIsLost) {
  Make();
  EXPECT_EQ(CallNoted("pid").ending, Ending::kSucceeded);
  const AttemptId waits = BeginWait();
  EXPECT_EQ(executor_->workers().starting, 0u);
  EXPECT_LE(Imports().size(), options_.slots);
  executor_->Cancel(waits, CancelMode::kForce);
  Await(waits);
}

TEST_F(SpareWorkersTest, TakesTheNextPlaceWithItsImportsDone) {
  options_.slots = 1;
  options_.spares_kept = std::chrono::hours(1);
  Make();
  EXPECT_EQ(CallNoted("crash").ending, Ending::kCrash);
  const AttemptId waits = BeginWait();
  // The one that died, the one that waits, and one for its place.
  ASSERT_TRUE(WaitUntil([&] { return Imports().size() == 3; }));
  EXPECT_TRUE(WaitUntil([&] { return executor_->workers().idle == 1; }));
  EXPECT_EQ(executor_->workers().busy, 1u);
  executor_->Cancel(waits, CancelMode::kForce);
  Await(waits);
  EXPECT_EQ(CallNoted("pid").output, Imports()[2]);
}

TEST_F(SpareWorkersTest, EndsWhenItIsNotNeededAnyMore) {
  options_.slots = 1;
  options_.spares_kept = std::chrono::milliseconds(1500);
  Make();
  EXPECT_EQ(CallNoted("crash").ending, Ending::kCrash);
  const AttemptId waits = BeginWait();
  EXPECT_TRUE(
      WaitUntil([&] { return executor_->workers().exits_recycled == 1; }));
  EXPECT_EQ(executor_->workers().idle, 0u);
  EXPECT_EQ(executor_->workers().busy, 1u);
  executor_->Cancel(waits, CancelMode::kForce);
  Await(waits);
}

TEST_F(SpareWorkersTest, OneThatCannotImportHarmsNobody) {
  options_.slots = 1;
  options_.spares_kept = std::chrono::hours(1);
  Make();
  EXPECT_EQ(CallNoted("crash").ending, Ending::kCrash);
  EXPECT_EQ(CallNoted("pid").ending, Ending::kSucceeded);
  std::ofstream(folder_ + "/shut") << "";
  const AttemptId waits = BeginWait();
  EXPECT_TRUE(WaitUntil([&] { return executor_->workers().exits_error == 1; }));
  EXPECT_EQ(executor_->workers().busy, 1u);
  EXPECT_EQ(executor_->workers().starting, 0u);
  executor_->Cancel(waits, CancelMode::kForce);
  EXPECT_EQ(Await(waits).ending, Ending::kCancelled);
}

}  // namespace
}  // namespace remuda

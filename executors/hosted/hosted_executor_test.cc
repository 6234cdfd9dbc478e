#include "executors/hosted/hosted_executor.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "executors/executor_contract.h"
#include "executors/processes/lease_page.h"
#include "executors/processes/process_tree.h"

namespace remuda {
namespace {

constexpr char kHelper[] = "executors/process_pool/process_pool_helper";
constexpr char kWorker[] = "executors/hosted/test_worker.py";

HostedOptions Options(ExecutorKind kind, size_t slots) {
  HostedOptions options;
  options.kind = kind;
  options.slots = slots;
  options.workers_max = 2;
  options.spawner_program = std::filesystem::absolute(kHelper).string();
  const std::string folder = testing::TempDir() + "/hosted-" + RandomHex(8);
  options.work_folder = folder + "/work";
  options.log_folder = folder + "/logs";
  options.workers = {
      {.argv = {"python3", std::filesystem::absolute(kWorker).string()},
       .job_types = {"noop", "sleep", "test"},
       .program_parameter = "",
       .reads_items = false,
       .name = "the test worker",
       .environment = {}}};
  return options;
}

std::unique_ptr<HostedExecutor> Create(const HostedOptions& options,
                                       const Clock& clock,
                                       Executor::Notify notify) {
  auto executor = HostedExecutor::Create(options, clock, std::move(notify));
  CHECK_OK(executor);
  return *std::move(executor);
}

template <ExecutorKind kind>
std::unique_ptr<Executor> MakeForContract(size_t slots, const Clock& clock,
                                          Executor::Notify notify) {
  return Create(Options(kind, slots), clock, std::move(notify));
}

INSTANTIATE_TEST_SUITE_P(
    Hosted, ExecutorContract,
    testing::Values(
        ExecutorUnderTest{.name = "loop",
                          .make = MakeForContract<ExecutorKind::kAsync>},
        ExecutorUnderTest{.name = "threads",
                          .make = MakeForContract<ExecutorKind::kThreadPool>}));

class HostedExecutorTest : public testing::TestWithParam<ExecutorKind> {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(120);

  explicit HostedExecutorTest() : options_(Options(GetParam(), 8)) {
    options_.neighbours_max = std::chrono::milliseconds(200);
  }

  void Make() {
    executor_ = Create(options_, clock_, [this] {
      MutexLock lock(mutex_);
      notified_ = true;
      changed_.NotifyAll();
    });
  }

  AttemptId Start(const std::string& type, const std::string& with,
                  uint32_t cpus = 1) {
    auto work = std::make_shared<JobWork>(*MakeWork(type, with));
    work->job.resources.cpu = cpus;
    const Attempt attempt{.id = {JobId{1}, next_task_++, Fence{1}},
                          .work = std::move(work),
                          .item = "null"};
    const absl::Status status = executor_->Start(std::vector{attempt});
    EXPECT_TRUE(status.ok()) << status;
    return attempt.id;
  }
  AttemptId Test(const std::string& what) {
    return Start("test", "{\"do\": \"" + what + "\"}");
  }

  void Take() {
    {
      MutexLock lock(mutex_);
      if (!notified_) changed_.WaitFor(mutex_, std::chrono::milliseconds(20));
      notified_ = false;
    }
    for (Outcome& outcome : executor_->TakeOutcomes()) {
      const AttemptId id = outcome.id;
      in_order_.push_back(id);
      EXPECT_TRUE(outcomes_.emplace(id, std::move(outcome)).second)
          << "reported twice";
    }
    for (Finding& finding : executor_->TakeFindings()) {
      findings_.push_back(std::move(finding));
    }
  }

  Outcome Await(AttemptId id) {
    const MonotonicTime give_up = clock_.Now() + kPatience;
    while (!outcomes_.contains(id) && clock_.Now() < give_up) Take();
    EXPECT_TRUE(outcomes_.contains(id)) << "no outcome";
    return outcomes_[id];
  }

  // Until a task says so.
  void AwaitFinding(const std::string& code) {
    const MonotonicTime give_up = clock_.Now() + kPatience;
    while (clock_.Now() < give_up) {
      for (const Finding& finding : findings_) {
        if (finding.code == code) return;
      }
      Take();
    }
    ADD_FAILURE() << "no finding " << code;
  }

  // Until a worker has ended.
  void AwaitExit() {
    const MonotonicTime give_up = clock_.Now() + kPatience;
    while (clock_.Now() < give_up) {
      const WorkerNumbers now = executor_->workers();
      if (now.exits_recycled + now.exits_error + now.exits_signal +
              now.exits_oom + now.exits_timeout >
          0) {
        return;
      }
      Take();
    }
    ADD_FAILURE() << "no worker has ended";
  }

  // That are there or on their way.
  size_t Workers() const {
    const WorkerNumbers now = executor_->workers();
    return now.starting + now.busy + now.idle;
  }

  bool is_loop() const { return GetParam() == ExecutorKind::kAsync; }

  const SystemClock clock_;
  HostedOptions options_;
  Mutex mutex_;
  CondVar changed_;
  bool notified_ = false;
  TaskIndex next_task_ = 0;
  std::map<AttemptId, Outcome> outcomes_;
  std::vector<AttemptId> in_order_;  // as they came
  std::vector<Finding> findings_;
  std::unique_ptr<HostedExecutor> executor_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, HostedExecutorTest,
                         testing::Values(ExecutorKind::kAsync,
                                         ExecutorKind::kThreadPool),
                         [](const auto& param) {
                           return param.param == ExecutorKind::kAsync
                                      ? "loop"
                                      : "threads";
                         });

TEST_P(HostedExecutorTest, OfWhatEqualResultsUsedTogetherEachHasItsPart) {
  options_.workers_max = 1;
  Make();
  std::vector<AttemptId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(Test("together"));
  for (const AttemptId& id : ids) {
    const Outcome outcome = Await(id);
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
    EXPECT_EQ(std::to_string(outcome.wall.count()), outcome.output);
    EXPECT_EQ(outcome.usage.cpu, Duration(1'000));
    EXPECT_EQ(outcome.usage.run_queue_delay, Duration(2'000));
    EXPECT_EQ(outcome.usage.loop_wait, Duration(3'000));
  }
}

// An agent that hosts nobody's code is as small as it can be.
TEST_P(HostedExecutorTest, TheFirstTaskStartsTheSpawner) {
  const auto children = [] {
    size_t count = 0;
    for (const ProcessFacts& process : ReadProcesses()) {
      count += process.parent == getpid() ? 1 : 0;
    }
    return count;
  };
  const size_t others = children();
  Make();
  EXPECT_EQ(children(), others);
  EXPECT_EQ(Await(Start("noop", "{}")).ending, Ending::kSucceeded);
  EXPECT_EQ(children(), others + 1);
}

TEST_P(HostedExecutorTest, WorkersAreAsManyAsAllowed) {
  options_.workers_max = 1;
  options_.slots = 100;
  Make();
  std::vector<AttemptId> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(Start("sleep", R"({"seconds": 0.1})"));
  }
  for (const AttemptId id : ids) {
    EXPECT_EQ(Await(id).ending, Ending::kSucceeded);
    const WorkerNumbers now = executor_->workers();
    EXPECT_LE(now.starting + now.busy + now.idle, 1u);
  }
}

TEST_P(HostedExecutorTest, TasksThatWaitShareOneLoop) {
  if (!is_loop()) GTEST_SKIP();
  options_.slots = 200;
  Make();
  std::vector<AttemptId> ids;
  for (int i = 0; i < 200; ++i) {
    ids.push_back(Start("sleep", R"({"seconds": 0.5})"));
  }
  for (const AttemptId id : ids) {
    EXPECT_EQ(Await(id).ending, Ending::kSucceeded);
    EXPECT_LE(Workers(), 1u);
  }
}

TEST_P(HostedExecutorTest, AFullLoopGetsCompanyWhenThereIsMoreToGive) {
  if (!is_loop()) GTEST_SKIP();
  options_.full_min = std::chrono::milliseconds(1);
  options_.full_share = 0.01;
  for (const char* sign : {"full", "blocked", "burn"}) {
    executor_.reset();
    Make();
    const AttemptId shows = Test(sign);
    // What is given now and then may be for the other one.
    const MonotonicTime give_up = clock_.Now() + kPatience;
    while (Workers() < 2 && clock_.Now() < give_up) {
      EXPECT_EQ(Await(Start("noop", "{}")).ending, Ending::kSucceeded);
    }
    EXPECT_EQ(Workers(), 2u) << sign;
    executor_->Cancel(shows, CancelMode::kAsk);
    EXPECT_EQ(Await(shows).ending, Ending::kCancelled);
  }
}

// Native code imports nothing that would keep its loop from turning.
TEST_P(HostedExecutorTest, ALoopOfNativeCodeThatDoesNotTurnGetsCompany) {
  if (!is_loop()) GTEST_SKIP();
  options_.blocked_min = std::chrono::milliseconds(100);
  options_.neighbours_max = kPatience;
  Make();
  const AttemptId mute = Test("mute");
  std::vector<AttemptId> behind;
  const MonotonicTime give_up = clock_.Now() + kPatience;
  for (AwaitFinding("loop_blocked"); Workers() < 2 && clock_.Now() < give_up;) {
    behind.push_back(Start("noop", "{}"));
    Take();
  }
  EXPECT_EQ(Workers(), 2u);
  executor_->Cancel(mute, CancelMode::kForce);
  EXPECT_EQ(Await(mute).ending, Ending::kCancelled);
  for (const AttemptId id : behind) {
    EXPECT_EQ(Await(id).ending, Ending::kSucceeded);
  }
}

TEST_P(HostedExecutorTest, AFullLoopWithNothingMoreToGiveStaysAlone) {
  if (!is_loop()) GTEST_SKIP();
  Make();
  const AttemptId shows = Test("full");
  AwaitFinding("shown");
  EXPECT_EQ(Workers(), 1u);
  executor_->Cancel(shows, CancelMode::kAsk);
  EXPECT_EQ(Await(shows).ending, Ending::kCancelled);
  EXPECT_EQ(Workers(), 1u);
}

TEST_P(HostedExecutorTest, AWorkerGetsNoMoreThanItAskedFor) {
  options_.workers_max = 1;
  options_.workers[0].argv.insert(options_.workers[0].argv.end(),
                                  {"loop,threads", "1"});
  Make();
  const AttemptId first = Start("sleep", R"({"seconds": 0.3})");
  const AttemptId more = Test("more");
  const AttemptId third = Start("noop", "{}");
  // One after the other, until it has asked for more.
  EXPECT_EQ(Await(first).ending, Ending::kSucceeded);
  EXPECT_EQ(Await(third).ending, Ending::kSucceeded);
  EXPECT_EQ(in_order_, (std::vector<AttemptId>{first, third}));
  executor_->Cancel(more, CancelMode::kAsk);
  EXPECT_EQ(Await(more).ending, Ending::kCancelled);
}

TEST_P(HostedExecutorTest, ACrashIsChargedToTheTaskThatCrashed) {
  options_.workers_max = 1;
  Make();
  const AttemptId before = Start("sleep", R"({"seconds": 0.2})");
  const AttemptId guilty = Test("print");
  const AttemptId after = Start("sleep", R"({"seconds": 0.2})");
  const Outcome crash = Await(guilty);
  EXPECT_EQ(crash.ending, Ending::kCrash);
  EXPECT_NE(crash.error.find("SIGSEGV"), std::string::npos) << crash.error;
  EXPECT_NE(crash.error.find("last words"), std::string::npos) << crash.error;
  EXPECT_EQ(Await(before).ending, Ending::kSucceeded);
  EXPECT_EQ(Await(after).ending, Ending::kSucceeded);
}

TEST_P(HostedExecutorTest, AnExitIsACrashToo) {
  Make();
  const Outcome outcome = Await(Test("exit"));
  EXPECT_EQ(outcome.ending, Ending::kCrash);
  EXPECT_NE(outcome.error.find("code 3"), std::string::npos) << outcome.error;
  EXPECT_EQ(Await(Start("noop", "{}")).ending, Ending::kSucceeded);
}

TEST_P(HostedExecutorTest, ManyCrashesAmongManyTasks) {
  options_.slots = 64;
  Make();
  std::vector<AttemptId> good;
  std::vector<AttemptId> bad;
  for (int i = 0; i < 64; ++i) {
    if (i % 16 == 3) {
      bad.push_back(Test("die"));
    } else {
      good.push_back(Start("sleep", R"({"seconds": 0.05})"));
    }
  }
  for (const AttemptId& id : bad) EXPECT_EQ(Await(id).ending, Ending::kCrash);
  for (const AttemptId& id : good) {
    EXPECT_EQ(Await(id).ending, Ending::kSucceeded);
  }
}

TEST_P(HostedExecutorTest, AWorkerForSuspectsWaitsForTheNext) {
  if (is_loop()) return;  // the cell names the culprit
  for (const bool waits : {true, false}) {
    options_.workers_max = 1;
    options_.solos_kept = waits ? Duration(std::chrono::hours(1))
                                : Duration(std::chrono::milliseconds(50));
    executor_.reset();
    Make();
    const AttemptId guilty = Test("die");
    const AttemptId neighbour = Start("sleep", R"({"seconds": 0.3})");
    EXPECT_EQ(Await(guilty).ending, Ending::kCrash);
    EXPECT_EQ(Await(neighbour).ending, Ending::kSucceeded);
    const MonotonicTime give_up = clock_.Now() + kPatience;
    while (!waits && executor_->workers().exits_recycled == 0 &&
           clock_.Now() < give_up) {
      Take();
    }
    EXPECT_EQ(executor_->workers().idle, waits ? 1u : 0u);
    EXPECT_EQ(executor_->workers().exits_recycled, waits ? 0u : 1u);
  }
}

TEST_P(HostedExecutorTest, ForceOnADeafTaskSparesItsNeighbours) {
  options_.workers_max = 1;
  options_.neighbours_max = kPatience;
  Make();
  const AttemptId neighbour = Start("sleep", R"({"seconds": 0.3})");
  const AttemptId deaf = Test("deaf");
  AwaitFinding("deaf");
  executor_->Cancel(deaf, CancelMode::kAsk);
  executor_->Cancel(deaf, CancelMode::kForce);
  // The neighbour goes on to its end, and only then the worker is killed.
  EXPECT_EQ(Await(deaf).ending, Ending::kCancelled);
  ASSERT_TRUE(outcomes_.contains(neighbour));
  EXPECT_EQ(outcomes_[neighbour].ending, Ending::kSucceeded);
}

TEST_P(HostedExecutorTest, NeighboursThatTakeLongBeginAnew) {
  options_.workers_max = 1;
  Make();
  const AttemptId neighbour = Start("sleep", R"({"seconds": 1})");
  const AttemptId deaf = Test("deaf");
  AwaitFinding("deaf");
  executor_->Cancel(deaf, CancelMode::kForce);
  EXPECT_EQ(Await(deaf).ending, Ending::kCancelled);
  EXPECT_FALSE(outcomes_.contains(neighbour));
  EXPECT_EQ(Await(neighbour).ending, Ending::kSucceeded);
}

TEST_P(HostedExecutorTest, ABlockedLoopIsToldAndEnded) {
  if (!is_loop()) GTEST_SKIP();
  options_.workers_max = 1;
  options_.neighbours_max = kPatience;
  options_.blocked_min = std::chrono::milliseconds(300);
  Make();
  const AttemptId mute = Test("mute");
  const AttemptId waits = Start("noop", "{}");
  AwaitFinding("loop_blocked");
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].code, "loop_blocked");
  EXPECT_EQ(findings_[0].task, mute.task);
  EXPECT_GE(findings_[0].duration, options_.blocked_min);
  // No use in waiting for neighbours that cannot run.
  executor_->Cancel(mute, CancelMode::kForce);
  EXPECT_EQ(Await(mute).ending, Ending::kCancelled);
  EXPECT_EQ(Await(waits).ending, Ending::kSucceeded);
}

TEST_P(HostedExecutorTest, ANeighbourThatWasKeptWaitingIsNotToBlame) {
  if (!is_loop()) GTEST_SKIP();
  options_.workers_max = 1;
  Make();
  const AttemptId mute = Test("mute");
  const AttemptId waits = Start("noop", "{}");
  AwaitFinding("loop_blocked");
  executor_->Cancel(waits, CancelMode::kAsk);
  executor_->Cancel(mute, CancelMode::kForce);
  EXPECT_EQ(Await(mute).ending, Ending::kCancelled);
  EXPECT_EQ(Await(waits).ending, Ending::kEvicted);
}

TEST_P(HostedExecutorTest, TheEndOfTheLeaseEvictsAndBlamesNobody) {
  auto lease = LeasePage::Make();
  ASSERT_TRUE(lease.ok()) << lease.status();
  options_.ties.lease = lease->fd();
  Make();
  const AttemptId first = Start("sleep", R"({"seconds":1000})");
  const AttemptId second = Start("sleep", R"({"seconds":1000})");
  // So that there is a worker which has them.
  EXPECT_EQ(Await(Start("noop", "{}")).ending, Ending::kSucceeded);
  lease->SetEnd(SystemClock(SystemClock::Suspend::kCounted).Now());
  for (const AttemptId& id : {first, second}) {
    const Outcome outcome = Await(id);
    EXPECT_EQ(outcome.ending, Ending::kEvicted);
    EXPECT_NE(outcome.error.find("lease"), std::string::npos) << outcome.error;
  }
  lease->SetEnd(MonotonicTime::max());
  EXPECT_EQ(Await(Start("noop", "{}")).ending, Ending::kSucceeded);
}

TEST_P(HostedExecutorTest, AWorkerThatLiesIsEnded) {
  for (const char* lie : {"wrong", "twice"}) {
    Make();
    const Outcome outcome = Await(Test(lie));
    if (std::string(lie) == "wrong") {
      EXPECT_EQ(outcome.ending, Ending::kCrash);
      EXPECT_NE(outcome.error.find("never given"), std::string::npos)
          << outcome.error;
    }
    // Else the lie may be told when the next task is there to be blamed.
    AwaitExit();
    EXPECT_EQ(Await(Start("noop", "{}")).ending, Ending::kSucceeded);
  }
}

TEST_P(HostedExecutorTest, AWorkerWithoutTheModeIsAClearError) {
  options_.workers[0].argv.push_back("process");
  Make();
  const Outcome outcome = Await(Start("noop", "{}"));
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_NE(outcome.error.find("cannot start the test worker"),
            std::string::npos)
      << outcome.error;
  EXPECT_NE(outcome.error.find(is_loop() ? "'loop'" : "'threads'"),
            std::string::npos)
      << outcome.error;
}

TEST_P(HostedExecutorTest, AProgramThatIsNotThereIsAClearError) {
  options_.workers[0].argv[0] = "/no/such/program";
  Make();
  const Outcome outcome = Await(Start("noop", "{}"));
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_NE(outcome.error.find("/no/such/program"), std::string::npos)
      << outcome.error;
}

TEST_P(HostedExecutorTest, TasksOfOtherCpusHaveOtherWorkers) {
  Make();
  EXPECT_EQ(Await(Start("test", R"({"do": "job"})", 1)).output, R"("1")");
  EXPECT_EQ(Await(Start("test", R"({"do": "job"})", 3)).output, R"("3")");
  EXPECT_EQ(executor_->workers().idle, 2u);
}

TEST_P(HostedExecutorTest, OldWorkersAreReplaced) {
  options_.worker_tasks_max = 2;
  options_.workers_max = 1;
  Make();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Await(Start("noop", "{}")).ending, Ending::kSucceeded);
    EXPECT_EQ(Await(Start("sleep", R"({"seconds": 0.3})")).ending,
              Ending::kSucceeded);
  }
  EXPECT_GE(executor_->workers().exits_recycled, 1u);
}

TEST_P(HostedExecutorTest, NothingIsLeftBehind) {
  Make();
  const AttemptId held = Start("sleep", R"({"seconds": 3000})");
  EXPECT_EQ(Await(Start("noop", "{}")).ending, Ending::kSucceeded);
  executor_.reset();
  for (const ProcessFacts& process : ReadProcesses()) {
    std::error_code ignored;
    const auto folder = std::filesystem::read_symlink(
        "/proc/" + std::to_string(process.pid) + "/cwd", ignored);
    EXPECT_NE(folder.string().rfind(options_.work_folder, 0), 0u)
        << process.pid;
  }
  EXPECT_FALSE(outcomes_.contains(held));
}

}  // namespace
}  // namespace remuda

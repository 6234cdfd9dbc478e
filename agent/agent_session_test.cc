#include "agent/agent_session.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/fake_coordinator.h"
#include "executors/scripted_executor.h"
#include "jobs/job.h"
#include "jobs/job_json.h"
#include "wire/attempt_records.h"
#include "wire/codec.h"

namespace remuda {
namespace {

class AgentSessionTest : public testing::Test {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(30);

  AgentSessionTest() : loop_(clock_) {
    // Not the test's own folder, whose path is too long for a socket.
    std::string folder = "/tmp/remuda_XXXXXX";
    folder_ = mkdtemp(folder.data());
    endpoint_ = "ipc://" + folder_ + "/socket";
    loop_.AddTurnEnd([this] {
      if (condition_ && condition_()) loop_.Stop();
    });
  }

  void StartCoordinator(uint64_t term) {
    coordinator_ = std::make_unique<FakeCoordinator>(context_, loop_, endpoint_,
                                                     Term{term});
  }

  // `start` counts the processes on the data folder.
  void StartAgent(size_t slots, size_t spool_memory_bytes_max = 16u << 20,
                  uint32_t start = 1) {
    auto ready = std::make_shared<AgentSession::Ready>();
    auto executor = std::make_unique<ScriptedExecutor>(
        ExecutorFacts{.kind = ExecutorKind::kAsync, .slots = slots},
        [this, ready] {
          (*ready)[0] = true;
          loop_.Post([] {});
        });
    executor_ = executor.get();
    std::vector<ExecutorEntry> entries;
    entries.push_back({.executor = std::move(executor), .job_types = {"noop"}});
    auto spool = Spool::Open(
        {.folder = folder_, .memory_bytes_max = spool_memory_bytes_max});
    ASSERT_TRUE(spool.ok()) << spool.status();
    auto session = AgentSession::Start(
        {.core = {.version = "1",
                  .name = "a",
                  .instance = "f00d",
                  .process = "process " + std::to_string(start),
                  .start = start},
         .socket = {.endpoint = endpoint_,
                    .reconnect = ReconnectDelays::For(endpoint_)}},
        std::move(entries), ready, *std::move(spool), context_, loop_, random_,
        {.on_output = nullptr,
         .on_ended = [this](const absl::Status& status) { ended_ = status; }});
    ASSERT_TRUE(session.ok()) << session.status();
    session_ = *std::move(session);
  }

  ~AgentSessionTest() override { std::filesystem::remove_all(folder_); }

  // Turns the loop; the limit only ends a broken test.
  [[nodiscard]] bool RunUntil(std::function<bool()> condition) {
    condition_ = std::move(condition);
    Tick();
    bool in_time = true;
    const TimerId limit = loop_.RunAfter(kPatience, [this, &in_time] {
      in_time = false;
      loop_.Stop();
    });
    loop_.Run();
    loop_.CancelTimer(limit);
    condition_ = nullptr;
    return in_time;
  }

  Grant FirstGrant(uint64_t count) {
    Job job;
    job.name = "n";
    job.type = "noop";
    job.tasks.kind = TaskSource::Kind::kRange;
    job.tasks.written = TaskSource::Written::kRange;
    job.tasks.to = 999;
    return {.sequence = 1,
            .definitions = {{.job = {1}, .job_json = JobToJson(job)}},
            .ranges = {{.job = {1},
                        .executor = ExecutorKind::kAsync,
                        .tasks = {0, count},
                        .fence = {1}}}};
  }

  static AttemptId Id(TaskIndex task) {
    return {.job = {1}, .task = task, .fence = {1}};
  }

  bool Registered() {
    return coordinator_ != nullptr && !coordinator_->heartbeats.empty();
  }

  SystemClock clock_;
  Random random_{1};
  WireContext context_;
  EventLoop loop_;
  std::string folder_;
  std::string endpoint_;
  std::unique_ptr<FakeCoordinator> coordinator_;
  ScriptedExecutor* executor_ = nullptr;
  std::unique_ptr<AgentSession> session_;
  std::optional<absl::Status> ended_;

 private:
  // Another turn soon, for conditions that come true behind the hook.
  void Tick() {
    loop_.RunAfter(std::chrono::milliseconds(2), [this] {
      if (condition_) Tick();
    });
  }

  std::function<bool()> condition_;
};

TEST_F(AgentSessionTest, RunsWhatItIsGrantedAndForgetsWhatIsAcked) {
  StartCoordinator(1);
  StartAgent(4);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  const Hello& hello = coordinator_->hellos[0];
  EXPECT_EQ(hello.instance, "f00d");
  EXPECT_EQ(hello.job_types, std::vector<std::string>{"noop"});
  ASSERT_EQ(hello.executors.size(), 1u);
  EXPECT_EQ(hello.executors[0].slots, 4u);
  EXPECT_EQ(coordinator_->heartbeats[0].credits[0].tasks, 4u);

  coordinator_->Send(FirstGrant(100));
  ASSERT_TRUE(RunUntil([this] {
    executor_->EndAll();
    return coordinator_->Records().size() == 100 &&
           session_->spool().entries() == 0;
  }));
  for (const auto& [task, records] : coordinator_->Records()) {
    EXPECT_EQ(records.size(), 1u) << task;
  }
  EXPECT_EQ(coordinator_->strays, 0);
}

TEST_F(AgentSessionTest, ACoordinatorThatComesBackGetsWhatItMissed) {
  StartCoordinator(1);
  coordinator_->acks_results = false;
  StartAgent(4);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  coordinator_->Send(FirstGrant(8));
  ASSERT_TRUE(RunUntil([this] { return executor_->running().size() == 4; }));
  executor_->End(Id(0), {.output = "\"zero\""});
  ASSERT_TRUE(RunUntil([this] { return coordinator_->results.size() == 1; }));
  coordinator_.reset();
  ASSERT_TRUE(RunUntil(
      [this] { return !session_->core().gauges(loop_.Now()).registered; }));
  executor_->End(Id(2), {.output = "\"two\""});

  StartCoordinator(2);
  ASSERT_TRUE(RunUntil([this] { return coordinator_->Records().size() == 2; }));
  const Hello& hello = coordinator_->hellos.back();
  const FencedRange all = {.job = {1}, .tasks = {0, 8}, .fence = {1}};
  EXPECT_EQ(hello.held, std::vector<FencedRange>{all});
  EXPECT_EQ(hello.results_first, 1u);
  EXPECT_EQ(coordinator_->Records()[0][0].output, "\"zero\"");
  EXPECT_EQ(coordinator_->Records()[2][0].output, "\"two\"");
  ASSERT_TRUE(RunUntil([this] { return session_->spool().entries() == 0; }));
  // Nothing was started twice.
  EXPECT_EQ(executor_->started().size(), 6u);
}

TEST_F(AgentSessionTest, TellsWhatAnEarlierProcessLeft) {
  {
    auto spool = Spool::Open({.folder = folder_});
    ASSERT_TRUE(spool.ok());
    (*spool)->SetGeneration("");
    const AttemptRecord record = {.task = 2, .fence = {1}, .output = "\"two\""};
    const Results results = {
        .sequence = 5,
        .batches = {{.job = {1},
                     .executor = ExecutorKind::kAsync,
                     .runs = {{.tasks = {2, 1}, .fence = {1}}},
                     .records = EncodeAttemptRecords({&record, 1})}}};
    (*spool)->Append(5, {.frame = EncodeAgent(results, Term{1}, SessionId{77}),
                         .term = {1},
                         .session = {77}});
    (*spool)->Keep(5);
  }
  StartCoordinator(2);
  StartAgent(4, 16u << 20, /*start=*/2);
  ASSERT_TRUE(RunUntil([this] { return coordinator_->Records().size() == 1; }));
  const Hello& hello = coordinator_->hellos.back();
  const FencedRange held = {.job = {1}, .tasks = {2, 1}, .fence = {1}};
  EXPECT_EQ(hello.held, std::vector<FencedRange>{held});
  EXPECT_EQ(hello.results_first, 5u);
  EXPECT_EQ(hello.instance, "f00d");
  EXPECT_EQ(StartOf(hello.number), 2u);
  EXPECT_EQ(coordinator_->Records()[2][0].output, "\"two\"");
  ASSERT_TRUE(RunUntil([this] { return session_->spool().entries() == 0; }));
  EXPECT_EQ(coordinator_->strays, 0);
  EXPECT_TRUE(executor_->started().empty());
}

TEST_F(AgentSessionTest, WhatWaitsWithoutACoordinatorIsOnDisk) {
  StartCoordinator(1);
  StartAgent(4);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  coordinator_->Send(FirstGrant(8));
  ASSERT_TRUE(RunUntil([this] { return executor_->running().size() == 4; }));
  coordinator_.reset();
  executor_->End(Id(0), {.output = "\"zero\""});
  executor_->End(Id(2), {.output = "\"two\""});
  ASSERT_TRUE(RunUntil([this] {
    const Spool& spool = session_->spool();
    return spool.entries() > 0 && spool.kept() == spool.entries();
  }));
}

TEST_F(AgentSessionTest, WhatThisBuildDoesNotReadIsLeftOut) {
  {
    auto spool = Spool::Open({.folder = folder_});
    ASSERT_TRUE(spool.ok());
    (*spool)->SetGeneration("g");
    (*spool)->Append(1, {.frame = "no frame", .term = {}, .session = {}});
    (*spool)->Keep(1);
  }
  StartCoordinator(1);
  StartAgent(4);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  EXPECT_TRUE(coordinator_->hellos[0].held.empty());
  EXPECT_EQ(session_->spool().entries(), 0u);
}

TEST_F(AgentSessionTest, WhatMemoryDoesNotHoldComesFromTheFile) {
  StartCoordinator(1);
  StartAgent(64, /*spool_memory_bytes_max=*/1u << 20);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  coordinator_->Send(FirstGrant(64));
  ASSERT_TRUE(RunUntil([this] { return executor_->running().size() == 64; }));
  coordinator_.reset();
  for (TaskIndex task = 0; task < 64; ++task) {
    executor_->End(Id(task), {.output = std::string(200'000, '7')});
  }
  ASSERT_TRUE(
      RunUntil([this] { return session_->spool().bytes() > 12'000'000; }));
  struct stat file = {};
  ASSERT_EQ(stat((folder_ + "/results.0.log").c_str(), &file), 0);
  EXPECT_GT(file.st_size, 10'000'000);

  StartCoordinator(1);
  ASSERT_TRUE(RunUntil([this] {
    return !coordinator_->results.empty() && session_->spool().entries() == 0;
  }));
  EXPECT_EQ(coordinator_->Records().size(), 64u);
  for (const auto& [task, records] : coordinator_->Records()) {
    EXPECT_EQ(records[0].output.size(), 200'000u) << task;
  }
  ASSERT_EQ(stat((folder_ + "/results.0.log").c_str(), &file), 0);
  EXPECT_EQ(file.st_size, 0);
}

TEST_F(AgentSessionTest, LongLogsArriveWholeAndTheirFolderGoes) {
  StartCoordinator(1);
  StartAgent(1);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  coordinator_->Send(FirstGrant(1));
  ASSERT_TRUE(RunUntil([this] { return executor_->running().size() == 1; }));
  const std::string logs = folder_ + "/logs";
  ASSERT_EQ(mkdir(logs.c_str(), 0700), 0);
  std::string text;
  while (text.size() < 3'000'000) text += std::to_string(text.size()) + "\n";
  std::ofstream(logs + "/stdout") << text;
  std::ofstream(logs + "/stderr") << "err";
  executor_->End(Id(0), {.log_path = logs});
  ASSERT_TRUE(RunUntil([this] { return coordinator_->Records().size() == 1; }));
  std::string out;
  std::string err;
  for (const LogChunk& chunk : coordinator_->chunks) {
    std::string& stream = chunk.stream == 1 ? out : err;
    EXPECT_EQ(chunk.offset, stream.size());
    stream += chunk.bytes;
    EXPECT_LT(chunk.sequence, coordinator_->results[0].sequence);
  }
  EXPECT_EQ(out, text);
  EXPECT_EQ(err, "err");
  EXPECT_EQ(access(logs.c_str(), F_OK), -1);
}

TEST_F(AgentSessionTest, FindingsTravelWhileTheirTaskRuns) {
  StartCoordinator(1);
  StartAgent(4);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  coordinator_->Send(FirstGrant(2));
  ASSERT_TRUE(RunUntil([this] { return executor_->running().size() == 2; }));
  executor_->Notice({.job = {1},
                     .task = 1,
                     .code = "loop_blocked",
                     .text = "time.sleep blocks the event loop",
                     .function = "work",
                     .file = "/a.py",
                     .line = 3,
                     .duration = std::chrono::milliseconds(250)});
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->findings.empty(); }));
  EXPECT_EQ(executor_->running().size(), 2u);
  const Findings& told = coordinator_->findings[0];
  ASSERT_EQ(told.items.size(), 1u);
  EXPECT_EQ(told.items[0].job, JobId{1});
  EXPECT_EQ(told.items[0].finding.line, 3u);
  EXPECT_EQ(coordinator_->strays, 0);
}

TEST_F(AgentSessionTest, AnotherVersionEndsItWithTheReason) {
  StartCoordinator(1);
  coordinator_->refuse_hello =
      Refusal{.code = Refusal::Code::kVersion, .reason = "too old"};
  StartAgent(1);
  ASSERT_TRUE(RunUntil([this] { return ended_.has_value(); }));
  EXPECT_TRUE(absl::IsFailedPrecondition(*ended_));
  EXPECT_EQ(std::string(ended_->message()),
            "the coordinator refuses this agent: too old");
}

TEST_F(AgentSessionTest, ABusyCoordinatorIsAskedAgain) {
  StartCoordinator(1);
  coordinator_->refuse_hello =
      Refusal{.code = Refusal::Code::kBusy, .reason = "busy"};
  StartAgent(1);
  ASSERT_TRUE(RunUntil([this] { return coordinator_->hellos.size() == 2; }));
  coordinator_->refuse_hello.reset();
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
}

TEST_F(AgentSessionTest, AnUnknownSessionIsOpenedAnew) {
  StartCoordinator(1);
  StartAgent(1);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  coordinator_->Send(
      Refusal{.code = Refusal::Code::kUnknownSession, .reason = "who?"});
  const size_t before = coordinator_->heartbeats.size();
  ASSERT_TRUE(RunUntil([&] {
    return coordinator_->hellos.size() == 2 &&
           coordinator_->heartbeats.size() > before;
  }));
  EXPECT_EQ(coordinator_->hellos[1].number, HelloNumber(1, 2));
}

TEST_F(AgentSessionTest, ADrainEndsWithAGoodbye) {
  StartCoordinator(1);
  StartAgent(1);
  ASSERT_TRUE(RunUntil([this] { return Registered(); }));
  coordinator_->Send(FirstGrant(3));
  ASSERT_TRUE(RunUntil([this] { return executor_->running().size() == 1; }));
  session_->Drain(std::chrono::minutes(5));
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->results.empty(); }));
  EXPECT_FALSE(ended_.has_value());
  executor_->EndAll();
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->goodbyes.empty(); }));
  ASSERT_TRUE(ended_.has_value());
  EXPECT_TRUE(ended_->ok());
  EXPECT_EQ(coordinator_->Records().size(), 1u);
}

}  // namespace
}  // namespace remuda

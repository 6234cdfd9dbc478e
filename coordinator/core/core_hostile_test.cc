#include <gtest/gtest.h>

#include "base/random.h"
#include "coordinator/core/core_driver.h"
#include "coordinator/core/results.h"
#include "coordinator/core/sessions.h"

namespace remuda {
namespace {

class HostileTest : public testing::Test {
 protected:
  HostileTest() : agent_(driver_, "a") {
    agent_.SayHello();
    agent_.Beat(5'000);
    job_ = driver_.SubmitOne(NoopJob(3'000));
  }
  ~HostileTest() override {
    EXPECT_EQ(driver_.store().violations(), std::vector<std::string>());
  }

  EndedBatch Batch(std::vector<EndingRun> runs) {
    EndedBatch batch;
    batch.job = job_;
    batch.executor = ExecutorKind::kAsync;
    batch.runs = std::move(runs);
    return batch;
  }
  static EndingRun Run(uint64_t first, uint64_t count, uint32_t fence = 1) {
    return {.tasks = {.first = first, .count = count}, .fence = Fence{fence}};
  }
  void Send(EndedBatch batch) {
    std::vector<EndedBatch> batches;
    batches.push_back(std::move(batch));
    agent_.SendBatches(std::move(batches));
  }
  uint64_t Malformed() {
    return driver_.core()
        .counters()
        .stale[static_cast<size_t>(AgentMessageKind::kResults)]
              [static_cast<size_t>(StaleReason::kMalformed)];
  }
  uint64_t Succeeded() { return driver_.Count(job_, TaskState::kSucceeded); }

  CoreDriver driver_;
  ScriptedAgent agent_;
  JobId job_;
};

TEST_F(HostileTest, BadRunsAreDroppedAndGoodOnesTaken) {
  Send(Batch({Run(0, 10), Run(5, 10)}));  // overlapping
  EXPECT_EQ(Succeeded(), 10u);
  EXPECT_EQ(Malformed(), 1u);
  Send(Batch({Run(1'020, 10)}));             // crosses a chunk
  Send(Batch({Run(20, 1), Run(2'050, 1)}));  // another chunk
  Send(Batch({Run(2'999, 2)}));              // past the end
  Send(Batch({Run(UINT64_MAX, 1)}));
  Send(Batch({Run(5, UINT64_MAX)}));
  Send(Batch({Run(5, 0)}));
  Send(Batch({Run(30, 1, 0)}));
  EndingRun unknown = Run(30, 1);
  unknown.ending = static_cast<Ending>(200);
  Send(Batch({unknown}));
  EXPECT_EQ(Malformed(), 9u);
  EXPECT_EQ(Succeeded(), 11u);
  EXPECT_EQ(agent_.acked(), agent_.sent());
}

TEST_F(HostileTest, ABatchForTheWrongExecutorOrJobIsDropped) {
  EndedBatch batch = Batch({Run(0, 10)});
  batch.executor = ExecutorKind::kThreadPool;
  Send(batch);
  batch.executor = ExecutorKind::kAsync;
  batch.job = JobId{99};
  Send(batch);
  EXPECT_EQ(Succeeded(), 0u);
  EXPECT_EQ(agent_.acked(), 2u);
}

TEST_F(HostileTest, TooManyBatchesAreRefusedAsOne) {
  agent_.SendBatches(
      std::vector<EndedBatch>(kResultBatchesMax + 1, Batch({Run(0, 1)})));
  EXPECT_EQ(Succeeded(), 0u);
  EXPECT_EQ(Malformed(), 1u);
}

TEST_F(HostileTest, AFenceFromTheFutureEndsNothing) {
  Send(Batch({Run(0, 10, 2)}));
  Send(Batch({Run(0, 10, UINT32_MAX)}));
  EXPECT_EQ(Succeeded(), 0u);
}

TEST_F(HostileTest, HellosOverALimitAreRefused) {
  const auto refused = [this](const Hello& hello) {
    ScriptedAgent other(driver_, "other");
    other.hello() = hello;
    other.hello().instance = hello.instance.empty() ? "" : "other";
    other.SayHello(hello.held);
    return other.HeardCount<Refusal>() == 1 && other.HeardCount<Welcome>() == 0;
  };
  Hello hello = agent_.hello();
  hello.instance = "";
  EXPECT_TRUE(refused(hello));
  hello = agent_.hello();
  hello.job_types.assign(kJobTypesMax + 1, "t");
  EXPECT_TRUE(refused(hello));
  hello = agent_.hello();
  hello.executors.assign(4, {});
  EXPECT_TRUE(refused(hello));
  hello = agent_.hello();
  hello.labels["k"] = std::string(kNameBytesMax + 1, 'v');
  EXPECT_TRUE(refused(hello));
  hello = agent_.hello();
  hello.held = {{.job = job_,
                 .tasks = {.first = UINT64_MAX, .count = 2},
                 .fence = Fence{1}}};
  EXPECT_TRUE(refused(hello));
  hello = agent_.hello();
  hello.held.assign(kHeldRangesMax + 1, {});
  EXPECT_TRUE(refused(hello));
  hello = agent_.hello();
  hello.protocol_min = kProtocolMax + 1;
  hello.protocol_max = kProtocolMax + 1;
  EXPECT_TRUE(refused(hello));
}

TEST_F(HostileTest, AHeldListOfNonsenseIsFenced) {
  ScriptedAgent other(driver_, "b");
  other.SayHello({{.job = JobId{99},
                   .tasks = {.first = 0, .count = uint64_t{1} << 60},
                   .fence = Fence{1}},
                  {.job = job_,
                   .tasks = {.first = 0, .count = uint64_t{1} << 60},
                   .fence = Fence{1}},
                  {.job = job_, .tasks = {}, .fence = Fence{}}});
  EXPECT_EQ(other.welcome().fenced.size(), 2u);
  EXPECT_EQ(driver_.Count(job_, TaskState::kRunning), 3'000u);
}

TEST_F(HostileTest, EndlessCreditIsCut) {
  driver_.Cancel(job_);
  driver_.SubmitOne(NoopJob(10'000'000));
  ScriptedAgent other(driver_, "b");
  other.SayHello();
  other.Beat(UINT64_MAX);
  EXPECT_LE(other.granted_tasks(), kCreditMax);
}

TEST_F(HostileTest, OneConnectionIsOneAgent) {
  Hello hello = agent_.hello();
  hello.instance = "taken over";
  hello.number = 0;
  agent_.SendIn(SessionId{}, hello);
  EXPECT_EQ(driver_.core().agents().size(), 2u);
  EXPECT_EQ(driver_.core().agents()[0].state, AgentState::kSuspect);
  EXPECT_EQ(driver_.core().agents()[1].state, AgentState::kOnline);
}

TEST_F(HostileTest, RandomMessagesBreakNothing) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    const auto number = [&random]() -> uint64_t {
      switch (random.Below(5)) {
        case 0:
          return 0;
        case 1:
          return UINT64_MAX - random.Below(3);
        case 2:
          return kTasksPerChunk - 1 + random.Below(3);
        default:
          return random.Below(3'100);
      }
    };
    for (int i = 0; i < 300; ++i) {
      EndedBatch batch = Batch({});
      batch.job = JobId{random.Below(10) == 0 ? number() : job_.value};
      for (uint64_t runs = random.Below(6); runs > 0; --runs) {
        EndingRun run =
            Run(number(), number(), static_cast<uint32_t>(random.Below(3)));
        run.ending = static_cast<Ending>(random.Below(10));
        run.started = random.Below(4) != 0;
        batch.runs.push_back(run);
      }
      if (random.Below(20) == 0) {
        agent_.SayHello(
            {{.job = job_,
              .tasks = {.first = number() / 2, .count = number() / 2},
              .fence = Fence{1}}});
        agent_.Beat(number());
      }
      Send(std::move(batch));
    }
  }
}

}  // namespace
}  // namespace remuda

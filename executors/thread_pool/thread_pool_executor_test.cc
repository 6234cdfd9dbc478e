#include "executors/thread_pool/thread_pool_executor.h"

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "executors/executor_contract.h"
#include "executors/handlers/blocking_handlers.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

INSTANTIATE_TEST_SUITE_P(
    ThreadPool, ExecutorContract,
    testing::Values(ExecutorUnderTest{
        .name = "thread_pool",
        .make =
            [](size_t slots, const Clock& clock, Executor::Notify notify) {
              ThreadPoolOptions options;
              options.slots = slots;
              return std::make_unique<ThreadPoolExecutor>(
                  options, ShippedBlockingHandlers(), clock, std::move(notify));
            },
    }));

// A handler's way to meet the test, kept by both.
struct Gate {
  Mutex mutex;
  CondVar changed;
  size_t inside GUARDED_BY(mutex) = 0;
  size_t inside_max GUARDED_BY(mutex) = 0;
  bool open GUARDED_BY(mutex) = false;
  std::set<std::thread::id> threads GUARDED_BY(mutex);
  size_t states GUARDED_BY(mutex) = 0;

  void Open() {
    MutexLock lock(mutex);
    open = true;
    changed.NotifyAll();
  }
  void AwaitInside(size_t count) {
    MutexLock lock(mutex);
    while (inside < count) changed.Wait(mutex);
  }
};

// Deaf to its stop token, as blocking code often is.
class GateHandler : public BlockingHandler {
 public:
  explicit GateHandler(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}

  class Mine : public ThreadState {
   public:
    const std::thread::id thread = std::this_thread::get_id();
  };

  std::unique_ptr<ThreadState> MakeThreadState() override {
    MutexLock lock(gate_->mutex);
    ++gate_->states;
    return std::make_unique<Mine>();
  }

  HandlerResult Run(const Attempt&, const std::string&, ThreadState* state,
                    const std::stop_token&) override {
    MutexLock lock(gate_->mutex);
    if (static_cast<Mine*>(state)->thread != std::this_thread::get_id()) {
      return Failed("the state of another thread");
    }
    gate_->threads.insert(std::this_thread::get_id());
    ++gate_->inside;
    gate_->inside_max = std::max(gate_->inside_max, gate_->inside);
    gate_->changed.NotifyAll();
    while (!gate_->open) gate_->changed.Wait(gate_->mutex);
    --gate_->inside;
    return {};
  }

 private:
  const std::shared_ptr<Gate> gate_;
};

class ThreadPoolExecutorTest : public testing::Test {
 protected:
  ~ThreadPoolExecutorTest() override { gate_->Open(); }

  void MakePool(ThreadPoolOptions options) {
    BlockingHandlers handlers = ShippedBlockingHandlers();
    handlers["gate"] = std::make_unique<GateHandler>(gate_);
    pool_ = std::make_unique<ThreadPoolExecutor>(options, std::move(handlers),
                                                 clock_, [this] {
                                                   MutexLock lock(mutex_);
                                                   told_ = true;
                                                   changed_.NotifyAll();
                                                 });
  }

  std::vector<Attempt> Gates(size_t count) {
    std::vector<Attempt> batch;
    for (size_t i = 0; i < count; ++i) {
      batch.push_back({.id = {JobId{1}, next_task_++, Fence{1}},
                       .work = work_,
                       .item = "null"});
    }
    return batch;
  }

  std::vector<Outcome> Await(size_t count) {
    std::vector<Outcome> all;
    while (all.size() < count) {
      {
        MutexLock lock(mutex_);
        while (!told_) changed_.Wait(mutex_);
        told_ = false;
      }
      for (Outcome& outcome : pool_->TakeOutcomes()) {
        all.push_back(std::move(outcome));
      }
    }
    return all;
  }

  const SystemClock clock_;
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  const std::shared_ptr<const JobWork> work_ = MakeWork("gate", "{}");
  TaskIndex next_task_ = 0;
  Mutex mutex_;
  CondVar changed_;
  bool told_ = false;
  std::unique_ptr<ThreadPoolExecutor> pool_;
};

TEST_F(ThreadPoolExecutorTest, BlockingAttemptsFillAllThreads) {
  MakePool({.slots = 32});
  ASSERT_TRUE(pool_->Start(Gates(32)).ok());
  gate_->AwaitInside(32);  // hangs unless every one has its own thread
  EXPECT_EQ(pool_->capacity(), 0u);
  gate_->Open();
  for (const Outcome& outcome : Await(32)) {
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
  }
  EXPECT_EQ(pool_->capacity(), 32u);
}

TEST_F(ThreadPoolExecutorTest, EachThreadKeepsOneStateOfItsOwn) {
  MakePool({.slots = 4});
  gate_->Open();
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(pool_->Start(Gates(4)).ok());
    for (const Outcome& outcome : Await(4)) {
      EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
    }
  }
  MutexLock lock(gate_->mutex);
  EXPECT_EQ(gate_->states, gate_->threads.size());
  EXPECT_LE(gate_->threads.size(), 4u);
}

TEST_F(ThreadPoolExecutorTest, AbandonedThreadIsReplaced) {
  MakePool({.slots = 2, .abandoned_max = 2});
  const std::vector<Attempt> deaf = Gates(2);
  ASSERT_TRUE(pool_->Start(deaf).ok());
  gate_->AwaitInside(2);
  pool_->Cancel(deaf[0].id, CancelMode::kAsk);
  for (const Attempt& attempt : deaf) {
    pool_->Cancel(attempt.id, CancelMode::kForce);
  }
  for (const Outcome& outcome : Await(2)) {
    EXPECT_EQ(outcome.ending, Ending::kCancelled);
  }
  EXPECT_EQ(pool_->abandoned(), 2u);
  EXPECT_EQ(pool_->capacity(), 2u);
  ASSERT_TRUE(pool_->Start(Gates(2)).ok());
  gate_->AwaitInside(4);
  gate_->Open();
  EXPECT_EQ(Await(2).size(), 2u);
}

TEST_F(ThreadPoolExecutorTest, RefusesWhenTooManyThreadsWereAbandoned) {
  MakePool({.slots = 2, .abandoned_max = 1});
  for (int round = 0; round < 3; ++round) {
    const std::vector<Attempt> deaf = Gates(1);
    ASSERT_TRUE(pool_->Start(deaf).ok()) << round;
    gate_->AwaitInside(static_cast<size_t>(round) + 1);
    pool_->Cancel(deaf[0].id, CancelMode::kForce);
    EXPECT_EQ(Await(1).size(), 1u);
  }
  EXPECT_EQ(pool_->abandoned(), 3u);
  EXPECT_EQ(pool_->capacity(), 0u);
  EXPECT_EQ(pool_->Start(Gates(1)).code(),
            absl::StatusCode::kResourceExhausted);
  // They come back when their code returns.
  gate_->Open();
  const MonotonicTime deadline = clock_.Now() + std::chrono::seconds(60);
  while (pool_->abandoned() > 0 && clock_.Now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool_->capacity(), 2u);
  ASSERT_TRUE(pool_->Start(Gates(2)).ok());
  EXPECT_EQ(Await(2).size(), 2u);
}

TEST_F(ThreadPoolExecutorTest, DestructionGivesUpOnDeafCode) {
  MakePool({.slots = 1, .stop_grace = std::chrono::milliseconds(10)});
  ASSERT_TRUE(pool_->Start(Gates(1)).ok());
  gate_->AwaitInside(1);
  pool_.reset();
  gate_->Open();
}

TEST_F(ThreadPoolExecutorTest, CountsWhatLongTasksUse) {
  MakePool({.slots = 1});
  Attempt attempt = Gates(1)[0];
  attempt.work = MakeWork("sleep", "{\"seconds\": 0.01}");
  ASSERT_TRUE(pool_->Start(std::vector{attempt}).ok());
  const std::vector<Outcome> outcomes = Await(1);
  ASSERT_TRUE(outcomes[0].usage.cpu.has_value());
  EXPECT_GE(outcomes[0].wall, std::chrono::milliseconds(10));
  // A sleep gives up the core.
  EXPECT_GE(outcomes[0].usage.switches_voluntary.value_or(0), 1u);
  EXPECT_TRUE(outcomes[0].usage.switches_involuntary.has_value());
}

}  // namespace
}  // namespace remuda

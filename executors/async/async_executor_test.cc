#include "executors/async/async_executor.h"

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "executors/async/stall_watch.h"
#include "executors/executor_contract.h"
#include "executors/handlers/async_handlers.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

std::unique_ptr<Executor> MakeAsync(size_t slots, const Clock& clock,
                                    Executor::Notify notify) {
  AsyncExecutorOptions options;
  options.slots = slots;
  return std::make_unique<AsyncExecutor>(options, ShippedAsyncHandlers, clock,
                                         std::move(notify));
}

INSTANTIATE_TEST_SUITE_P(Async, ExecutorContract,
                         testing::Values(ExecutorUnderTest{
                             .name = "async",
                             .make = MakeAsync,
                         }));

// The fixture alone, for what only this executor promises.
class AsyncExecutorTest : public ExecutorContract {};

INSTANTIATE_TEST_SUITE_P(Async, AsyncExecutorTest,
                         testing::Values(ExecutorUnderTest{
                             .name = "async",
                             .make = MakeAsync,
                         }));

TEST_P(AsyncExecutorTest, HoldsTenThousandSleepersAtOnce) {
  constexpr size_t kSleepers = 10'000;
  Make(kSleepers);
  std::vector<Attempt> batch(kSleepers, Sleep("0.2"));
  for (Attempt& attempt : batch) attempt.id.task = next_task_++;
  const MonotonicTime began = clock_.Now();
  ASSERT_TRUE(executor_->Start(batch).ok());
  EXPECT_EQ(executor_->capacity(), 0u);
  const std::vector<Outcome> outcomes = Await(kSleepers);
  ASSERT_EQ(outcomes.size(), kSleepers);
  // One after the other they would take 2,000 s.
  EXPECT_LT(clock_.Now() - began, std::chrono::seconds(30));
  std::set<TaskIndex> tasks;
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
    EXPECT_GE(outcome.wall, std::chrono::milliseconds(200));
    tasks.insert(outcome.id.task);
  }
  EXPECT_EQ(tasks.size(), kSleepers);
  EXPECT_EQ(executor_->capacity(), kSleepers);
}

TEST_P(AsyncExecutorTest, OutcomesThatComeTogetherAreToldTogether) {
  constexpr size_t kNoops = 5'000;
  Make(kNoops);
  ASSERT_TRUE(Start(Noops(kNoops)).ok());
  EXPECT_EQ(Await(kNoops).size(), kNoops);
  EXPECT_LT(notifications(), 200);
}

// Holds the loop until it is let go: at once, or after a first wait.
class HoldingHandler : public AsyncHandler {
 public:
  HoldingHandler(std::atomic<bool>& let_go, bool at_once)
      : let_go_(let_go), at_once_(at_once) {}

  std::optional<HandlerResult> TryAtOnce(const Attempt&,
                                         const std::string&) override {
    if (!at_once_) return std::nullopt;
    Hold();
    return HandlerResult();
  }

  HandlerCoroutine Run(const Attempt&, std::string) override {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                    std::chrono::milliseconds(20));
    co_await timer.async_wait(boost::asio::use_awaitable);
    Hold();
    co_return HandlerResult();
  }

 private:
  void Hold() const {
    while (!let_go_.load()) std::this_thread::yield();
  }

  std::atomic<bool>& let_go_;
  const bool at_once_;
};

class StallTest : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(Async, StallTest, testing::Bool());

TEST_P(StallTest, HandlerThatHoldsTheLoopIsFoundWhileItDoes) {
  const SystemClock clock;
  std::atomic<bool> let_go = false;
  AsyncExecutor executor(
      {.slots = 10},
      [&](boost::asio::io_context& loop) {
        AsyncHandlers handlers = ShippedAsyncHandlers(loop);
        handlers["hold"] = std::make_unique<HoldingHandler>(let_go, GetParam());
        return handlers;
      },
      clock, nullptr);
  std::vector<Attempt> batch;
  for (const char* type : {"sleep", "hold", "sleep"}) {
    const bool holds = std::string(type) == "hold";
    batch.push_back(
        {.id = {.job = JobId{7}, .task = batch.size(), .fence = Fence{1}},
         .work = MakeWork(type, holds ? "{}" : R"({"seconds": 0})"),
         .item = "null"});
  }
  ASSERT_TRUE(executor.Start(batch).ok());
  const MonotonicTime deadline = clock.Now() + std::chrono::seconds(60);
  std::vector<Finding> findings;
  while (findings.empty() && clock.Now() < deadline) {
    std::this_thread::yield();
    findings = executor.TakeFindings();
  }
  const bool still_held = !let_go.exchange(true);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(still_held);
  EXPECT_EQ(findings[0].code, "loop_blocked");
  EXPECT_EQ(findings[0].job, JobId{7});
  EXPECT_EQ(findings[0].task, TaskIndex{1});
  EXPECT_EQ(findings[0].function, "hold");
  EXPECT_GE(findings[0].duration, StallWatch::kStepMax);
  size_t succeeded = 0;
  while (succeeded < 3 && clock.Now() < deadline) {
    for (const Outcome& outcome : executor.TakeOutcomes()) {
      EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
      ++succeeded;
    }
  }
  EXPECT_EQ(succeeded, 3u);
}

TEST_P(AsyncExecutorTest, LoopThatIsOnlyBusyIsNoFinding) {
  Make(10'000);
  std::vector<Attempt> batch(2'000, Sleep("0.4"));
  for (Attempt& attempt : batch) attempt.id.task = next_task_++;
  ASSERT_TRUE(executor_->Start(batch).ok());
  EXPECT_EQ(Await(batch.size()).size(), batch.size());
  EXPECT_TRUE(executor_->TakeFindings().empty());
}

}  // namespace
}  // namespace remuda

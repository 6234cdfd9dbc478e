#include "executors/async/async_executor.h"

#include <chrono>
#include <memory>
#include <set>

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

}  // namespace
}  // namespace remuda

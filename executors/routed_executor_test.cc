#include "executors/routed_executor.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "executors/async/async_executor.h"
#include "executors/executor_contract.h"
#include "executors/handlers/async_handlers.h"
#include "executors/handlers/blocking_handlers.h"
#include "executors/thread_pool/thread_pool_executor.h"

namespace remuda {
namespace {

RoutedExecutor::MakePart Loop(size_t slots, const Clock& clock,
                              std::vector<std::string> types) {
  return [slots, &clock, types = std::move(types)](Executor::Notify notify) {
    return RoutedExecutor::Part{
        .executor = std::make_unique<AsyncExecutor>(
            AsyncExecutorOptions{.slots = slots}, ShippedAsyncHandlers, clock,
            std::move(notify)),
        .job_types = types};
  };
}

RoutedExecutor::MakePart Threads(size_t slots, const Clock& clock,
                                 std::vector<std::string> types) {
  return [slots, &clock, types = std::move(types)](Executor::Notify notify) {
    return RoutedExecutor::Part{
        .executor = std::make_unique<ThreadPoolExecutor>(
            ThreadPoolOptions{.slots = slots}, ShippedBlockingHandlers(), clock,
            std::move(notify)),
        .job_types = types};
  };
}

// Each batch of the suite that mixes its two types has to be split.
std::unique_ptr<Executor> MakeForContract(size_t slots, const Clock& clock,
                                          Executor::Notify notify) {
  auto routed = RoutedExecutor::Create(
      slots, {Loop(slots, clock, {"sleep"}), Threads(slots, clock, {"noop"})},
      std::move(notify));
  CHECK_OK(routed);
  return *std::move(routed);
}

INSTANTIATE_TEST_SUITE_P(Routed, ExecutorContract,
                         testing::Values(ExecutorUnderTest{
                             .name = "routed", .make = MakeForContract}));

class RoutedExecutorTest : public ExecutorContract {};

INSTANTIATE_TEST_SUITE_P(Routed, RoutedExecutorTest,
                         testing::Values(ExecutorUnderTest{
                             .name = "routed", .make = MakeForContract}));

TEST_P(RoutedExecutorTest, PartsShareTheSlots) {
  Make(4);
  ASSERT_TRUE(Start({SleepLong(), SleepLong(), SleepLong()}).ok());
  EXPECT_EQ(executor_->capacity(), 1u);
  EXPECT_EQ(Start(Noops(2)).code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(Start(Noops(1)).ok());
  EXPECT_EQ(Await(1).size(), 1u);
  EXPECT_EQ(executor_->capacity(), 1u);
}

TEST_P(RoutedExecutorTest, WhatALaterPartRefusesIsHandedBack) {
  Make(4);
  const Attempt held = Noop();
  // The thread pool still has it, as its outcome was not taken.
  ASSERT_TRUE(Start({held}).ok());
  const Attempt sleeps = Sleep("0.001");
  ASSERT_TRUE(Start({sleeps, held}).ok());
  const std::vector<Outcome> outcomes = Await(3);
  ASSERT_EQ(outcomes.size(), 3u);
  int evicted = 0;
  for (const Outcome& outcome : outcomes) {
    evicted += outcome.ending == Ending::kEvicted;
  }
  EXPECT_EQ(evicted, 1);
  EXPECT_EQ(executor_->capacity(), 4u);
}

}  // namespace
}  // namespace remuda

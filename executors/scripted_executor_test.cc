#include "executors/scripted_executor.h"

#include <chrono>
#include <memory>
#include <string>

#include "executors/executor_contract.h"
#include "executors/handlers/sleep_parameters.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

using std::chrono::seconds;

// noop and sleep in virtual time.
ScriptedExecutor::Plan PlanOf(const Attempt& attempt) {
  ScriptedExecutor::Plan plan;
  plan.runs_for = Duration::zero();
  if (attempt.work->job.type == "noop") return plan;
  const auto duration = ParseSleepParameters(attempt.work->job.with);
  if (duration.ok()) {
    plan.runs_for = *duration;
  } else {
    plan.outcome.ending = Ending::kError;
    plan.outcome.error = std::string(duration.status().message());
  }
  return plan;
}

INSTANTIATE_TEST_SUITE_P(
    Scripted, ExecutorContract,
    testing::Values(ExecutorUnderTest{
        .name = "scripted",
        .make =
            [](size_t slots, const Clock& clock, Executor::Notify notify) {
              ExecutorFacts facts;
              facts.slots = slots;
              auto executor =
                  std::make_unique<ScriptedExecutor>(facts, std::move(notify));
              executor->SetScript(PlanOf);
              executor->AdvanceTo(clock.Now());
              return executor;
            },
        .advance =
            [](Executor& executor) {
              static_cast<ScriptedExecutor&>(executor).AdvanceTo(
                  SystemClock().Now());
            },
        .refuses_unknown_types = false,
    }));

class ScriptedExecutorTest : public testing::Test {
 protected:
  Attempt Make(TaskIndex task) {
    return {.id = {JobId{1}, task, Fence{1}},
            .work = MakeWork("noop", "{}"),
            .item = "null"};
  }

  ScriptedExecutor executor_{{.slots = 10}};
};

TEST_F(ScriptedExecutorTest, RunsUntilToldToEnd) {
  ASSERT_TRUE(executor_.Start(std::vector{Make(1), Make(2)}).ok());
  EXPECT_TRUE(executor_.TakeOutcomes().empty());
  EXPECT_FALSE(executor_.next_due().has_value());
  Outcome failed;
  failed.ending = Ending::kCrash;
  executor_.End(Make(2).id, failed);
  EXPECT_EQ(executor_.running().size(), 1u);
  const auto outcomes = executor_.TakeOutcomes();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].id, Make(2).id);
  EXPECT_EQ(outcomes[0].ending, Ending::kCrash);
  executor_.EndAll();
  EXPECT_EQ(executor_.TakeOutcomes().size(), 1u);
  EXPECT_EQ(executor_.started().size(), 2u);
}

TEST_F(ScriptedExecutorTest, EndsInTheOrderOfVirtualTime) {
  executor_.SetScript([](const Attempt& attempt) {
    ScriptedExecutor::Plan plan;
    plan.runs_for = seconds(100 - static_cast<int>(attempt.id.task));
    return plan;
  });
  ASSERT_TRUE(executor_.Start(std::vector{Make(1), Make(2), Make(3)}).ok());
  EXPECT_EQ(executor_.next_due(), MonotonicTime(seconds(97)));
  executor_.AdvanceTo(MonotonicTime(seconds(98)));
  const auto outcomes = executor_.TakeOutcomes();
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].id.task, 3u);
  EXPECT_EQ(outcomes[0].wall, seconds(97));
  EXPECT_EQ(outcomes[1].id.task, 2u);
}

TEST_F(ScriptedExecutorTest, AnAttemptMayIgnoreBeingAsked) {
  executor_.SetScript([](const Attempt&) {
    ScriptedExecutor::Plan plan;
    plan.heeds_ask = false;
    return plan;
  });
  ASSERT_TRUE(executor_.Start(std::vector{Make(1)}).ok());
  executor_.Cancel(Make(1).id, CancelMode::kAsk);
  EXPECT_TRUE(executor_.TakeOutcomes().empty());
  executor_.Cancel(Make(1).id, CancelMode::kForce);
  EXPECT_EQ(executor_.TakeOutcomes().size(), 1u);
  EXPECT_EQ(executor_.cancels().size(), 2u);
}

TEST(ScriptedLineTest, BeginsInTurnAndMayBeStoppedBefore) {
  ScriptedExecutor executor({.slots = 1}, nullptr, /*line_max=*/3);
  EXPECT_EQ(executor.capacity(), 4u);
  const auto make = [](uint64_t task) {
    return Attempt{.id = {.job = JobId{1}, .task = task, .fence = Fence{1}}};
  };
  ASSERT_TRUE(
      executor.Start(std::vector{make(1), make(2), make(3), make(4)}).ok());
  EXPECT_EQ(executor.capacity(), 0u);
  EXPECT_EQ(executor.running(), std::vector{make(1).id});
  executor.Cancel(make(2).id, CancelMode::kAsk);
  executor.End(make(1).id, {});
  EXPECT_EQ(executor.running(), std::vector{make(3).id});
  executor.Drain(MonotonicTime{});
  const std::vector<Outcome> outcomes = executor.TakeOutcomes();
  ASSERT_EQ(outcomes.size(), 4u);
  EXPECT_EQ(outcomes[0].id, make(2).id);
  EXPECT_FALSE(outcomes[0].started);
  EXPECT_TRUE(outcomes[1].started);
  EXPECT_EQ(outcomes[2].id, make(4).id);
  EXPECT_EQ(outcomes[2].ending, Ending::kEvicted);
  EXPECT_FALSE(outcomes[2].started);
  EXPECT_TRUE(outcomes[3].started);
}

}  // namespace
}  // namespace remuda

#pragma once

#include <chrono>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "executors/executor_contract_fixture.h"
#include "gtest/gtest.h"

namespace remuda {

// The promises of executors/executor.h as tests. The test of an implementation
// includes this once and instantiates ExecutorContract.

TEST_P(ExecutorContract, ReportsEachAttemptExactlyOnce) {
  Make(16);
  std::map<AttemptId, int> reported;
  for (int round = 0; round < 30; ++round) {
    const std::vector<Attempt> batch = Noops(16);
    ASSERT_TRUE(Start(batch).ok());
    for (const Attempt& attempt : batch) reported[attempt.id] = 0;
    for (const Outcome& outcome : Await(16)) {
      ++reported[outcome.id];
      EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
      EXPECT_EQ(outcome.error, "");
      EXPECT_GE(outcome.wall, Duration::zero());
    }
  }
  EXPECT_EQ(reported.size(), 480u);
  for (const auto& [id, times] : reported) EXPECT_EQ(times, 1) << id.task;
  EXPECT_TRUE(Take().empty());
}

TEST_P(ExecutorContract, EmptyBatchIsNoWork) {
  Make(2);
  EXPECT_TRUE(Start({}).ok());
  EXPECT_TRUE(Take().empty());
  EXPECT_EQ(notifications(), 0);
}

TEST_P(ExecutorContract, BatchOverCapacityStartsNothing) {
  Make(4);
  const size_t capacity = executor_->capacity();
  EXPECT_GE(capacity, 4u);
  EXPECT_EQ(Start(Noops(capacity + 1)).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(executor_->capacity(), capacity);
  EXPECT_TRUE(Take().empty());
  EXPECT_TRUE(Start(Noops(capacity)).ok());
  EXPECT_EQ(Await(capacity).size(), capacity);
}

TEST_P(ExecutorContract, HeldAttemptsTakeCapacity) {
  Make(4);
  const size_t capacity = executor_->capacity();
  const Attempt first = SleepLong();
  ASSERT_TRUE(Start({first, SleepLong()}).ok());
  EXPECT_LT(executor_->capacity(), capacity);
  executor_->Cancel(first.id, CancelMode::kForce);
  executor_->Cancel({first.id.job, first.id.task + 1, first.id.fence},
                    CancelMode::kForce);
  EXPECT_EQ(Await(2).size(), 2u);
}

TEST_P(ExecutorContract, UnknownTypeStartsNothing) {
  if (!GetParam().refuses_unknown_types) GTEST_SKIP();
  Make(4);
  EXPECT_EQ(Start({Noop(), Make("no.such.type", "{}")}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Take().empty());
  EXPECT_GE(executor_->capacity(), 4u);
}

TEST_P(ExecutorContract, HeldIdIsRefused) {
  Make(4);
  const Attempt held = SleepLong();
  ASSERT_TRUE(Start({held}).ok());
  EXPECT_EQ(Start({Noop(), held}).code(), absl::StatusCode::kInvalidArgument);
  const Attempt twice = Noop();
  EXPECT_EQ(Start({twice, twice}).code(), absl::StatusCode::kInvalidArgument);
  // Nothing of the refused batches was kept.
  EXPECT_TRUE(Start({twice}).ok());
  executor_->Cancel(held.id, CancelMode::kForce);
  EXPECT_EQ(Await(2).size(), 2u);
}

TEST_P(ExecutorContract, AskedToStopIsReportedAsCancelled) {
  Make(4);
  const Attempt stopped = SleepLong();
  ASSERT_TRUE(Start({stopped, Noop()}).ok());
  executor_->Cancel(stopped.id, CancelMode::kAsk);
  const std::vector<Outcome> outcomes = Await(2);
  ASSERT_EQ(outcomes.size(), 2u);
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.ending, outcome.id == stopped.id ? Ending::kCancelled
                                                       : Ending::kSucceeded);
  }
}

TEST_P(ExecutorContract, ForceEndsAndReportsOnce) {
  Make(4);
  const Attempt stopped = SleepLong();
  ASSERT_TRUE(Start({stopped}).ok());
  executor_->Cancel(stopped.id, CancelMode::kAsk);
  executor_->Cancel(stopped.id, CancelMode::kForce);
  executor_->Cancel(stopped.id, CancelMode::kForce);
  std::vector<Outcome> outcomes = Await(1);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].ending, Ending::kCancelled);
  ASSERT_TRUE(Start({Noop()}).ok());
  outcomes = Await(1);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_NE(outcomes[0].id, stopped.id);
}

TEST_P(ExecutorContract, CancelMayCrossWithTheEnd) {
  Make(64);
  for (int round = 0; round < 20; ++round) {
    const std::vector<Attempt> batch = Noops(16);
    ASSERT_TRUE(Start(batch).ok());
    for (const Attempt& attempt : batch) {
      executor_->Cancel(attempt.id,
                        round % 2 ? CancelMode::kAsk : CancelMode::kForce);
    }
    const std::vector<Outcome> outcomes = Await(16);
    ASSERT_EQ(outcomes.size(), 16u);
    for (const Outcome& outcome : outcomes) {
      EXPECT_TRUE(outcome.ending == Ending::kSucceeded ||
                  outcome.ending == Ending::kCancelled);
      executor_->Cancel(outcome.id, CancelMode::kForce);
    }
  }
  EXPECT_TRUE(Take().empty());
}

TEST_P(ExecutorContract, CancelOfAnUnknownIdIsHarmless) {
  Make(2);
  executor_->Cancel({JobId{7}, 8, Fence{9}}, CancelMode::kForce);
  ASSERT_TRUE(Start({Noop()}).ok());
  EXPECT_EQ(Await(1).size(), 1u);
}

TEST_P(ExecutorContract, OutcomesComeInTheOrderOfTheirEnds) {
  if (!GetParam().runs_together) GTEST_SKIP();
  Make(4);
  const Attempt last = SleepLong();
  const Attempt first = Sleep("0.001");
  ASSERT_TRUE(Start({last, first}).ok());
  std::vector<Outcome> outcomes = Await(1);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].id, first.id);
  EXPECT_GE(outcomes[0].wall, std::chrono::milliseconds(1));
  executor_->Cancel(last.id, CancelMode::kAsk);
  outcomes = Await(1);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].id, last.id);
}

TEST_P(ExecutorContract, BadParametersAreTheAttemptsError) {
  Make(4);
  const Attempt bad = Sleep("\"soon\"");
  ASSERT_TRUE(Start({bad, Noop()}).ok());
  for (const Outcome& outcome : Await(2)) {
    const bool is_bad = outcome.id == bad.id;
    EXPECT_EQ(outcome.ending, is_bad ? Ending::kError : Ending::kSucceeded);
    EXPECT_EQ(outcome.error.find("seconds") != std::string::npos, is_bad);
  }
}

TEST_P(ExecutorContract, DrainAcceptsNothingAndLetsWorkEnd) {
  Make(4);
  ASSERT_TRUE(Start({Sleep("0.001"), Noop()}).ok());
  executor_->Drain(clock_.Now() + std::chrono::hours(10));
  EXPECT_EQ(Start({Noop()}).code(), absl::StatusCode::kFailedPrecondition);
  const std::vector<Outcome> outcomes = Await(2);
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].ending, Ending::kSucceeded);
  EXPECT_EQ(outcomes[1].ending, Ending::kSucceeded);
}

TEST_P(ExecutorContract, DrainEvictsAtItsDeadline) {
  Make(4);
  ASSERT_TRUE(Start({SleepLong(), SleepLong()}).ok());
  executor_->Drain(clock_.Now());
  const std::vector<Outcome> outcomes = Await(2);
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].ending, Ending::kEvicted);
  EXPECT_EQ(outcomes[1].ending, Ending::kEvicted);
}

TEST_P(ExecutorContract, DrainEvictsLater) {
  if (!GetParam().runs_together) GTEST_SKIP();
  Make(4);
  ASSERT_TRUE(Start({SleepLong()}).ok());
  executor_->Drain(clock_.Now() + std::chrono::milliseconds(50));
  const std::vector<Outcome> outcomes = Await(1);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].ending, Ending::kEvicted);
}

TEST_P(ExecutorContract, DestructionStopsWhatRunsAndReportsNothing) {
  if (!GetParam().runs_together) GTEST_SKIP();
  Make(4);
  ASSERT_TRUE(Start({SleepLong(), SleepLong(), SleepLong()}).ok());
  executor_.reset();
  EXPECT_EQ(notifications(), 0);
}

}  // namespace remuda

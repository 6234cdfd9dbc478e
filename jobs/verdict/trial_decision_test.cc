#include "jobs/verdict/trial_decision.h"

#include <gtest/gtest.h>

#include "jobs/verdict/synthetic_work.h"

namespace remuda {
namespace {

constexpr ExecutorKind kThreads = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcesses = ExecutorKind::kProcessPool;

WorkToJudge Sleeping(double seconds = 0.1) {
  return WorkOf({.locked = 0.002, .waits = seconds},
                {.executor = kProcesses, .at_once = 2});
}

std::optional<TrialPlan> PlanFor(const WorkToJudge& work,
                                 const LearnedChoice& learned = {},
                                 uint64_t waiting = 10'000, WallTime now = {}) {
  return PlanTrial({.work = work,
                    .verdict = Judge(work),
                    .waiting = waiting,
                    .learned = learned,
                    .now = now});
}

LearnedChoice Compared(bool is_kept) {
  const WorkToJudge work = Sleeping();
  LearnedChoice learned;
  LearnedChoice::Tried tried;
  tried.before = PaceOf(kProcesses, work.evidence);
  tried.after = tried.before;
  tried.after.executor = kThreads;
  tried.is_kept = is_kept;
  tried.gain = 2;
  learned.tried[static_cast<size_t>(kThreads)] = tried;
  return learned;
}

TEST(PlanTrialTest, IsASmallShareOfWhatIsLeft) {
  ASSERT_TRUE(PlanFor(Sleeping()).has_value());
  EXPECT_EQ(PlanFor(Sleeping())->executor, kThreads);
  EXPECT_EQ(PlanFor(Sleeping())->tasks, 500u);
  EXPECT_EQ(PlanFor(Sleeping(), {}, 2'000)->tasks, 100u);
  EXPECT_EQ(PlanFor(Sleeping(), {}, 64)->tasks, kTrialTasksMin);
  EXPECT_FALSE(PlanFor(Sleeping(), {}, 63).has_value());
}

TEST(PlanTrialTest, NeedsAVerdictThatSaysMove) {
  const WorkToJudge computes =
      WorkOf({.locked = 0.1}, {.executor = kProcesses, .at_once = 2});
  EXPECT_FALSE(PlanFor(computes).has_value());
  WorkToJudge nowhere = Sleeping();
  nowhere.others.clear();
  EXPECT_FALSE(PlanFor(nowhere).has_value());
}

TEST(PlanTrialTest, WhatWasComparedIsNotComparedAgain) {
  for (const bool is_kept : {false, true}) {
    const LearnedChoice learned = Compared(is_kept);
    const WallTime later{2 * kTriedAgainAfter};
    EXPECT_FALSE(PlanFor(Sleeping(), learned, 10'000, later).has_value());
    // Unless tasks are not what they were; and not at once.
    EXPECT_TRUE(PlanFor(Sleeping(0.3), learned, 10'000, later).has_value());
    EXPECT_FALSE(PlanFor(Sleeping(0.3), learned).has_value());
  }
}

TrialToJudge Trial(double per_second, double attempts = 64) {
  TrialToJudge trial;
  trial.before = {.executor = kProcesses, .attempts = 20, .per_second = 20};
  trial.after = {
      .executor = kThreads, .attempts = attempts, .per_second = per_second};
  trial.tasks = 64;
  return trial;
}

TEST(JudgeTrialTest, OnlyClearlyFasterIsKept) {
  EXPECT_EQ(JudgeTrial(Trial(300)).result, TrialResult::kKept);
  EXPECT_DOUBLE_EQ(JudgeTrial(Trial(300)).gain, 15);
  EXPECT_EQ(JudgeTrial(Trial(21)).result, TrialResult::kLost);
  EXPECT_EQ(JudgeTrial(Trial(10)).result, TrialResult::kLost);
  TrialToJudge noisy = Trial(26);
  EXPECT_EQ(JudgeTrial(noisy).result, TrialResult::kKept);
  noisy.before.spread = 1;
  EXPECT_EQ(JudgeTrial(noisy).result, TrialResult::kLost);
}

TEST(JudgeTrialTest, FailuresAndCrashesEndIt) {
  TrialToJudge trial = Trial(300);
  trial.after.failed = 2;
  EXPECT_EQ(JudgeTrial(trial).result, TrialResult::kKept);
  trial.after.failed = 10;
  EXPECT_EQ(JudgeTrial(trial).result, TrialResult::kFailed);
  trial.before.failed = 3;
  EXPECT_EQ(JudgeTrial(trial).result, TrialResult::kKept);
  trial.crashed = 1;
  EXPECT_EQ(JudgeTrial(trial).result, TrialResult::kFailed);
}

TEST(JudgeTrialTest, GoesOnUntilItCanBeJudgedOrTakesTooLong) {
  TrialToJudge trial = Trial(300, 4);
  EXPECT_EQ(JudgeTrial(trial).result, TrialResult::kGoesOn);
  // Its 64 tasks took 3.2 seconds before.
  trial.lasted = RealSeconds(14);
  EXPECT_EQ(JudgeTrial(trial).result, TrialResult::kGoesOn);
  trial.lasted = RealSeconds(15);
  EXPECT_EQ(JudgeTrial(trial).result, TrialResult::kTooSlow);
  trial.is_over = true;
  EXPECT_EQ(JudgeTrial(trial).result, TrialResult::kNotMeasured);
}

TEST(LearnedChoiceTest, IsReadBackAsItWasWritten) {
  LearnedChoice learned = Compared(true);
  learned.tried[static_cast<size_t>(kThreads)]->job = {7};
  learned.tried[static_cast<size_t>(kThreads)]->at =
      WallTime(std::chrono::seconds(1'795'824'000));
  learned.trial = {.before = learned.kept()->before,
                   .executor = ExecutorKind::kAsync,
                   .tasks = 40,
                   .job = {8},
                   .at = WallTime(std::chrono::seconds(5))};
  const auto back = LearnedFromJson(LearnedToJson(learned));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, learned);
  EXPECT_EQ(back->kept()->after.executor, kThreads);
  EXPECT_EQ(Compared(false).kept(), nullptr);
  EXPECT_EQ(DayText(learned.kept()->at), "2026-11-28");
  for (const char* bad : {"", "{}", "[]", R"({"tried":[{}]})",
                          R"({"tried":[],"trial":{"executor":"x"}})"}) {
    EXPECT_FALSE(LearnedFromJson(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace remuda

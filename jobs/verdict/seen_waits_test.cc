#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "jobs/verdict/synthetic_work.h"
#include "jobs/verdict/verdict.h"

namespace remuda {
namespace {

constexpr ExecutorKind kAsync = ExecutorKind::kAsync;
constexpr ExecutorKind kThreadPool = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcessPool = ExecutorKind::kProcessPool;

Interval GainOn(ExecutorKind kind, const WorkToJudge& work) {
  for (const Prediction& one : Judge(work).predictions) {
    if (one.executor == kind) return one.gain;
  }
  ADD_FAILURE() << "nothing predicted for " << Name(kind);
  return {};
}

// On two processes that look at who has the lock; threads would share one
// interpreter.
WorkToJudge TwoProcesses(const Needs& needs) {
  WorkToJudge work = WorkOf(needs, {.executor = kProcessPool, .at_once = 2});
  work.concurrency = 2;
  SeeLock(needs, work.evidence);
  return work;
}

TEST(SeenWaits, WhoKeepsTheLockGainsNothingFromThreads) {
  const Interval gain = GainOn(kThreadPool, TwoProcesses({.locked = 0.1}));
  EXPECT_NEAR(gain.middle, 0.5, 0.1);
  EXPECT_LT(gain.high, 0.7);
}

TEST(SeenWaits, WhoLetsTheLockGoRunsOnThreadsAsWell) {
  const Interval gain =
      GainOn(kThreadPool, TwoProcesses({.locked = 0.005, .free = 0.095}));
  EXPECT_NEAR(gain.middle, 1, 0.1);
  EXPECT_GT(gain.low, 0.7);
}

TEST(SeenWaits, HalfOfTheTimeIsTheMostThatFits) {
  const Interval gain =
      GainOn(kThreadPool, TwoProcesses({.locked = 0.05, .free = 0.05}));
  EXPECT_NEAR(gain.middle, 0.95, 0.1);
}

// The lock is as taken while its holder stands in the queue for a core.
TEST(SeenWaits, WaitingForACoreIsNoWayToLetTheLockGo) {
  WorkToJudge work = TwoProcesses({.locked = 0.1});
  work.evidence.wall *= 2;
  work.evidence.active *= 2;
  work.evidence.cpu.wall = work.evidence.wall;
  work.evidence.run_queue_delay = {.attempts = work.evidence.attempts,
                                   .sum = work.evidence.wall / 2,
                                   .wall = work.evidence.wall};
  work.evidence.gil_held = {.attempts = work.evidence.attempts,
                            .sum = work.evidence.wall,
                            .wall = work.evidence.wall};
  EXPECT_LT(GainOn(kThreadPool, work).middle, 1.05);
}

TEST(SeenWaits, NobodyLooksAtThreadsOfOtherLanguages) {
  WorkToJudge work = TwoProcesses({.locked = 0.1});
  work.is_python = false;
  EXPECT_NEAR(GainOn(kThreadPool, work).middle, 1, 0.1);
}

WorkToJudge BusyLoops(const Needs& needs) {
  WorkToJudge work =
      WorkOf(needs, {.executor = kAsync, .at_once = 50, .processes = 2}, 2'000);
  work.concurrency = 50;
  SeeTurns(needs, work.evidence);
  return work;
}

TEST(SeenWaits, WhatWaitsOnlyForItsTurnComputesElsewhereAsFast) {
  const WorkToJudge work = BusyLoops({.locked = 0.005, .waits = 0.001});
  EXPECT_NEAR(Judge(work).measures.turn.value_or(0), 0.97, 0.02);
  // Two of six milliseconds each.
  EXPECT_NEAR(GainOn(kProcessPool, work).middle, 5.0 / 6, 0.1);
}

TEST(SeenWaits, WhatWaitsForOthersWouldWaitElsewhereToo) {
  const WorkToJudge work = BusyLoops({.locked = 0.001, .waits = 0.02});
  EXPECT_NEAR(GainOn(kProcessPool, work).middle, 1.0 / 21, 0.01);
}

// As measured beside two programs that compute: the loops had a third of the
// cores, and tasks waited for turns that took as long as that made them.
TEST(SeenWaits, LoopsThatOthersKeepFromACoreGainNothingSure) {
  const Needs needs = {.locked = 0.0012, .waits = 0.02};
  WorkToJudge work = WorkOf(
      needs, {.executor = kAsync, .at_once = 80, .cores = 0.64, .processes = 2},
      2'000);
  work.cores = 2;
  work.concurrency = 100;
  work.evidence.slots = {10'000, 64, 2};
  SeeTurns(needs, work.evidence);
  EXPECT_EQ(Judge(work).code, VerdictCode::kMove) << "or this shows nothing";
  work.evidence.run_queue_delay = {
      .attempts = work.evidence.attempts,
      .sum = RealSeconds(0.0024) * work.evidence.attempts,
      .wall = work.evidence.wall};
  const Verdict verdict = Judge(work);
  EXPECT_NE(verdict.code, VerdictCode::kMove);
  EXPECT_LE(GainOn(kThreadPool, work).low, 1);
}

// All attempts on the one of two loops, which blocks for 30 ms each time.
TEST(SeenWaits, ABlockedLoopNeedNotBeAllOfThem) {
  WorkToJudge work = WorkOf({.locked = 0.0001, .waits = 0.03},
                            {.executor = kAsync, .at_once = 1}, 128);
  work.concurrency = 100;
  work.blocks_its_loop = true;
  SeeTurns({.locked = 0.0001, .waits = 0.03}, work.evidence);
  EXPECT_NEAR(GainOn(kThreadPool, work).middle, 57.3, 2);
  EXPECT_NEAR(GainOn(kProcessPool, work).middle, 2, 0.1);
}

TEST(SeenWaits, ALoopThatSleepsIsNotCrowdedByItsWakeUps) {
  const Needs needs = {.locked = 0.0001, .waits = 0.1};
  WorkToJudge work = WorkOf(needs, {.executor = kAsync, .at_once = 50}, 2'000);
  work.concurrency = 50;
  const Interval before = GainOn(kProcessPool, work);
  work.evidence.run_queue_delay = {
      .attempts = work.evidence.attempts,
      .sum = RealSeconds(0.00005) * work.evidence.attempts,
      .wall = work.evidence.wall};
  EXPECT_NEAR(GainOn(kProcessPool, work).middle, before.middle, 0.001);
}

// Each wait wakes a thread or a process there, where a loop has others to run.
TEST(SeenWaits, CoroutinesThatWaitOftenCostMoreOnTheirOwn) {
  WorkToJudge work = BusyLoops({.locked = 0.001, .waits = 0.001});
  const double alone = GainOn(kThreadPool, work).middle;
  const auto waits_often = [&](double often) {
    work.evidence.switches_voluntary = {.attempts = work.evidence.attempts,
                                        .sum = often * work.evidence.attempts,
                                        .wall = work.evidence.wall};
    return GainOn(kThreadPool, work);
  };
  const Interval few = waits_often(1);
  EXPECT_LT(few.middle, alone);
  const Interval many = waits_often(10);
  EXPECT_NEAR(many.middle / alone, 1.06 / 2.16, 0.05);
  EXPECT_LT(many.low, few.low);
  work.is_python = false;
  EXPECT_NEAR(waits_often(10).middle, waits_often(1).middle, 0.001);
}

TEST(SeenWaits, PredictionsAreNearTheTruth) {
  int near = 0;
  int all = 0;
  for (uint64_t seed = 1; seed <= 3'000; ++seed) {
    Random random(seed);
    const auto some = [&] { return std::pow(10.0, -3 + 2 * random.Unit()); };
    const Needs needs = {.locked = some(), .free = some()};
    const double cap = static_cast<double>(uint64_t{2} << random.Below(5));
    const Place now = {.executor = kProcessPool, .at_once = 2};
    const Place then = {.executor = kThreadPool,
                        .at_once = cap,
                        .processes = std::min(2.0, std::ceil(cap / 4))};
    WorkToJudge work = WorkOf(needs, now);
    work.concurrency = static_cast<uint64_t>(cap);
    SeeLock(needs, work.evidence);
    const double truth = Throughput(needs, then) / Throughput(needs, now);
    const Interval gain = GainOn(kThreadPool, work);
    EXPECT_LE(gain.low, truth) << seed;
    EXPECT_GE(gain.high, truth) << seed;
    near += std::abs(gain.middle / truth - 1) <= 0.25;
    ++all;
  }
  EXPECT_GE(near, all * 95 / 100);
}

}  // namespace
}  // namespace remuda

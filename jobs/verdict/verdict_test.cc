#include "jobs/verdict/verdict.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "jobs/verdict/synthetic_work.h"

namespace remuda {
namespace {

constexpr ExecutorKind kAsync = ExecutorKind::kAsync;
constexpr ExecutorKind kThreadPool = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcessPool = ExecutorKind::kProcessPool;

Prediction On(ExecutorKind kind, const Verdict& verdict) {
  for (const Prediction& one : verdict.predictions) {
    if (one.executor == kind) return one;
  }
  ADD_FAILURE() << "nothing predicted for " << Name(kind);
  return {};
}

bool Has(Advice advice, const Verdict& verdict) {
  return std::find(verdict.advice.begin(), verdict.advice.end(), advice) !=
         verdict.advice.end();
}

// Two threads of one interpreter, both of which compute in Python.
WorkToJudge TwoThreadsThatCompute() {
  WorkToJudge work = WorkOf(
      {.locked = 0.1}, {.executor = kThreadPool, .at_once = 2, .processes = 1});
  work.concurrency = 2;
  return work;
}

TEST(Verdict, ThreadsThatTakeTurnsBelongOnProcesses) {
  const Verdict verdict = Judge(TwoThreadsThatCompute());
  EXPECT_EQ(verdict.code, VerdictCode::kMove);
  EXPECT_EQ(verdict.best, kProcessPool);
  EXPECT_EQ(verdict.bound, Bound::kLock);
  EXPECT_NEAR(verdict.gain.middle, 2, 0.1);
  EXPECT_NEAR(verdict.measures.cores_used, 1, 0.01);
  EXPECT_NEAR(verdict.measures.lock.value_or(0), 0.5, 0.01);
}

TEST(Verdict, ThreadsThatLetTheLockGoMayStay) {
  WorkToJudge work = WorkOf({.locked = 0.001, .free = 0.03},
                            {.executor = kThreadPool, .at_once = 2});
  work.concurrency = 2;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_EQ(verdict.bound, Bound::kCores);
  EXPECT_NEAR(On(kProcessPool, verdict).gain.middle, 1, 0.1);
  EXPECT_TRUE(Has(Advice::kMakeFaster, verdict));
}

TEST(Verdict, ProcessesThatWaitBelongOnThreads) {
  const Verdict verdict =
      Judge(WorkOf({.locked = 0.0001, .waits = 0.05},
                   {.executor = kProcessPool, .at_once = 2}));
  EXPECT_EQ(verdict.code, VerdictCode::kMove);
  EXPECT_EQ(verdict.best, kThreadPool);
  EXPECT_EQ(verdict.bound, Bound::kWaits);
  EXPECT_NEAR(verdict.gain.middle, 32, 3);
}

TEST(Verdict, ProcessesThatComputeStay) {
  const Verdict verdict =
      Judge(WorkOf({.locked = 0.5}, {.executor = kProcessPool, .at_once = 2}));
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_LT(On(kThreadPool, verdict).gain.middle, kGainMin);
}

TEST(Verdict, OneThreadIsNoMatchForTwoCores) {
  WorkToJudge work =
      WorkOf({.locked = 0.5}, {.executor = kProcessPool, .at_once = 2});
  work.concurrency = 2;  // so threads would share one interpreter
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_LT(On(kThreadPool, verdict).gain.low, 0.5);
  EXPECT_NEAR(On(kThreadPool, verdict).gain.high, 1, 0.1);
}

TEST(Verdict, ALoopThatComputesAllTheTimeIsToldToHandItOver) {
  WorkToJudge work = WorkOf({.locked = 0.01, .waits = 0.001},
                            {.executor = kAsync, .at_once = 12});
  work.concurrency = 12;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.bound, Bound::kLoop);
  EXPECT_TRUE(Has(Advice::kOffload, verdict));
}

TEST(Verdict, LoopsThatKeepEveryCoreBusyAreBoundByTheirOwnCode) {
  WorkToJudge work =
      WorkOf({.locked = 0.001, .waits = 0.002},
             {.executor = kAsync, .at_once = 50, .processes = 2});
  work.concurrency = 50;
  const Verdict verdict = Judge(work);
  EXPECT_NE(verdict.code, VerdictCode::kMove);
  EXPECT_EQ(verdict.bound, Bound::kCores);
  EXPECT_TRUE(Has(Advice::kMakeFaster, verdict));
  EXPECT_TRUE(Has(Advice::kLessAtOnce, verdict));
}

// As the tutorial's crawler was measured beside its server on two cores.
TEST(Verdict, TheCrawlerIsBoundByItsParser) {
  WorkToJudge work =
      WorkOf({.locked = 0.00128, .waits = 0.01},
             {.executor = kAsync, .at_once = 50, .processes = 2}, 2'000);
  work.concurrency = 50;
  work.evidence.active = work.evidence.cpu.sum / 1.59;
  work.evidence.wall = work.evidence.active * 32.0;
  work.evidence.cpu.wall = work.evidence.wall;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_EQ(verdict.bound, Bound::kCores);
  EXPECT_TRUE(Has(Advice::kMakeFaster, verdict));
}

TEST(Verdict, WhoWaitsUnderACapMayHaveMoreAtOnce) {
  WorkToJudge work =
      WorkOf({.locked = 0.0001, .waits = 0.1},
             {.executor = kAsync, .at_once = 50, .processes = 2});
  work.concurrency = 50;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_EQ(verdict.bound, Bound::kWaits);
  EXPECT_TRUE(Has(Advice::kMoreAtOnce, verdict));
}

TEST(Verdict, TinyTasksAreToldToBeLarger) {
  WorkToJudge work = WorkOf({.locked = 20e-6},
                            {.executor = kProcessPool, .at_once = 2}, 40'000);
  work.evidence.active *= 5;  // the slots are kept five times as long
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kBatch);
  EXPECT_EQ(verdict.batch_tasks, 500u);
  EXPECT_NEAR(verdict.gain.middle, 5, 0.2);
}

// As a limit of twenty a second leaves it.
TEST(Verdict, FewTinyTasksAreNotToldToBeLarger) {
  WorkToJudge work = WorkOf({.locked = 20e-6},
                            {.executor = kProcessPool, .at_once = 2}, 40'000);
  work.evidence.active = RealSeconds(2'000);
  EXPECT_NE(Judge(work).code, VerdictCode::kBatch);
}

TEST(Verdict, TinyTasksAreToldSoOnThreadsToo) {
  WorkToJudge work =
      WorkOf({.locked = 5e-6}, {.executor = kThreadPool, .at_once = 2}, 40'000);
  work.evidence.active = RealSeconds(1);  // 50 us of two cores each
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kBatch);
  EXPECT_EQ(verdict.batch_tasks, 2'000u);
  EXPECT_NEAR(verdict.gain.middle, 10, 0.2);

  work.evidence.slots[static_cast<size_t>(kThreadPool)] = 4;  // of one process
  EXPECT_NEAR(Judge(work).gain.middle, 5, 0.2);
}

// Each then takes many times as long as by itself.
TEST(Verdict, TinyTasksThatWaitForOneAnotherAreToldSoToo) {
  WorkToJudge work =
      WorkOf({.locked = 5e-6}, {.executor = kThreadPool, .at_once = 2}, 40'000);
  Evidence& evidence = work.evidence;
  evidence.active = RealSeconds(2);
  evidence.wall = RealSeconds(100e-6) * evidence.attempts;
  evidence.cpu.wall = evidence.wall;
  evidence.gil_wait = {.attempts = evidence.attempts,
                       .sum = evidence.wall * 0.7,
                       .wall = evidence.wall};
  evidence.run_queue_delay = {.attempts = evidence.attempts,
                              .sum = evidence.wall * 0.25,
                              .wall = evidence.wall};
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kBatch);
  EXPECT_NEAR(verdict.alone.count(), 5e-6, 1e-7);
  EXPECT_NEAR(verdict.gain.middle, 20, 0.5);
}

TEST(Verdict, TinyTasksThatHadNoCoreAreNoLongerOnes) {
  WorkToJudge work = WorkOf({.locked = 10e-6},
                            {.executor = kProcessPool, .at_once = 2}, 40'000);
  Evidence& evidence = work.evidence;
  evidence.active = RealSeconds(2);  // 100 us of two cores each
  // Forty of them took 20 ms, in the queue; before that others stood there.
  const RealSeconds kept{40 * 20e-3};
  evidence.wall += kept;
  evidence.cpu.wall = evidence.wall;
  evidence.run_queue_delay = {.attempts = 40, .sum = kept * 3, .wall = kept};
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kBatch);
  EXPECT_NEAR(verdict.alone.count(), 10e-6, 1e-6);
  EXPECT_NEAR(verdict.gain.middle, 10, 0.5);
}

TEST(Verdict, ATaskThatUsesMoreCoresThanItAsksForIsTold) {
  WorkToJudge work =
      WorkOf({.free = 0.5}, {.executor = kProcessPool, .at_once = 2});
  work.evidence.cpu.sum *= 1.9;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kMoreCpus);
  EXPECT_NEAR(verdict.cpus_used, 1.9, 0.01);
  work.cpus_each = 2;
  work.evidence.slots[2] = 4;
  EXPECT_NE(Judge(work).code, VerdictCode::kMoreCpus);
}

TEST(Verdict, AFindingIsPassedOn) {
  WorkToJudge work = TwoThreadsThatCompute();
  work.blocks_its_loop = true;
  EXPECT_TRUE(Has(Advice::kBlocks, Judge(work)));
  work.evidence = {};
  EXPECT_TRUE(Has(Advice::kBlocks, Judge(work)));
}

TEST(Verdict, AbstainsBelowItsMinimum) {
  const Place place = {.executor = kThreadPool, .at_once = 2};
  for (int attempts = 0; attempts < kAttemptsToJudgeMin; ++attempts) {
    WorkToJudge work = WorkOf({.locked = 1}, place, attempts);
    work.concurrency = 2;
    EXPECT_EQ(Judge(work).code, VerdictCode::kTooFew) << attempts;
  }
  WorkToJudge brief = WorkOf({.locked = 0.0005}, place, 100);
  brief.concurrency = 2;
  EXPECT_EQ(Judge(brief).code, VerdictCode::kTooFew);
}

TEST(Verdict, AbstainsWhereNobodySaidWhatWasComputed) {
  WorkToJudge work = TwoThreadsThatCompute();
  work.evidence.cpu = {};
  EXPECT_EQ(Judge(work).code, VerdictCode::kCpuUnknown);
}

TEST(Verdict, AbstainsWhereTheExecutorWasNeverFull) {
  WorkToJudge work =
      WorkOf({.locked = 0.1}, {.executor = kThreadPool, .at_once = 2});
  work.concurrency = 0;  // 64 might have been at once
  EXPECT_EQ(Judge(work).code, VerdictCode::kTooLittleToDo);
}

// As regular expressions were measured, two at once in one interpreter: who
// brings the tasks waits for the lock as well, so that there is one at a time.
TEST(Verdict, SlotsThatTheLockLeavesEmptyAreNoLackOfTasks) {
  WorkToJudge work =
      WorkOf({.locked = 0.026}, {.executor = kThreadPool, .at_once = 2}, 120);
  work.concurrency = 2;
  work.evidence.wall = RealSeconds(120 * 0.028);
  work.evidence.active = work.evidence.wall / 1.05;
  work.evidence.cpu.wall = work.evidence.wall;
  work.evidence.gil_wait = {.attempts = 120,
                            .sum = work.evidence.wall * 0.06,
                            .wall = work.evidence.wall};
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kMove);
  EXPECT_EQ(verdict.best, kProcessPool);
  EXPECT_EQ(verdict.bound, Bound::kLock);
  EXPECT_NEAR(verdict.gain.middle, 2, 0.2);
  // One at a time, of which none has waited, is one at a time.
  work.evidence.gil_wait.sum = RealSeconds::zero();
  EXPECT_NE(Judge(work).code, VerdictCode::kMove);
}

// 64 at once on threads of two processes, each of which computes under a lock
// of the user's own.
TEST(Verdict, ThreadsThatTakeTurnsByTheirOwnLockMayStay) {
  WorkToJudge work =
      WorkOf({.locked = 0.005},
             {.executor = kThreadPool, .at_once = 64, .processes = 2});
  work.evidence.gil_wait.sum = RealSeconds::zero();
  work.evidence.run_queue_delay = work.evidence.gil_wait;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_EQ(verdict.bound, Bound::kCores);
  EXPECT_NEAR(On(kProcessPool, verdict).gain.middle, 1, 0.1);
}

TEST(Verdict, NativeThreadsWithoutTheirQueueMayBeReadyOrWait) {
  WorkToJudge work = WorkOf({.free = 0.01, .waits = 0.01},
                            {.executor = kThreadPool, .at_once = 64});
  work.is_python = false;
  work.evidence.run_queue_delay = {};
  const Interval gain = On(kProcessPool, Judge(work)).gain;
  EXPECT_LT(gain.low, 0.1);
  EXPECT_GT(gain.high, 1);
}

// json.loads of many rows: the cores compute, and there are 16 at once of 64.
TEST(Verdict, BusyCoresAreNoLackOfTasks) {
  WorkToJudge work =
      WorkOf({.locked = 0.003},
             {.executor = kThreadPool, .at_once = 16, .processes = 2});
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_NEAR(On(kProcessPool, verdict).gain.middle, 1, 0.1);
}

// An async def that sleeps 30 ms in a call that blocks, on two loops.
TEST(Verdict, ALoopThatStandsStillInACallBelongsOnThreads) {
  WorkToJudge work =
      WorkOf({.locked = 0.0001, .waits = 0.65},
             {.executor = kAsync, .at_once = 43, .processes = 2});
  work.concurrency = 100;
  EXPECT_EQ(Judge(work).code, VerdictCode::kTooLittleToDo);
  work.blocks_its_loop = true;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kMove);
  EXPECT_EQ(verdict.best, kThreadPool);
  EXPECT_EQ(verdict.bound, Bound::kLoop);
  EXPECT_TRUE(Has(Advice::kBlocks, verdict));
  // A loop does 33 a second, 64 threads 1910 with what is between two tasks,
  // and two processes 66.
  EXPECT_NEAR(On(kThreadPool, verdict).gain.middle, 28.7, 1);
  EXPECT_NEAR(On(kProcessPool, verdict).gain.middle, 1, 0.05);
}

// As measured beside builds and a program that computes, which let the loops
// have a sixth of the cores, so that their steps were long enough to be told.
TEST(Verdict, ALoopThatHasNoCoreIsNotToldThatItBlocks) {
  WorkToJudge work =
      WorkOf({.locked = 0.005, .waits = 0.7},
             {.executor = kAsync, .at_once = 47, .processes = 2});
  work.concurrency = 100;
  work.blocks_its_loop = true;
  EXPECT_NE(Judge(work).code, VerdictCode::kMove);
}

// The same on processes, where each has a loop to itself and says for how long
// it was held.
TEST(Verdict, OnlyWhatAwaitsIsToldToBeAsync) {
  WorkToJudge work = WorkOf({.locked = 0.0003, .waits = 0.03},
                            {.executor = kProcessPool, .at_once = 2});
  work.concurrency = 100;
  work.others = {kAsync, kThreadPool};
  const auto held_for = [&](double seconds) {
    work.evidence.loop_lag = {
        .attempts = work.evidence.attempts,
        .sum = RealSeconds(seconds) * work.evidence.attempts,
        .wall = work.evidence.wall};
    return Judge(work);
  };
  const Verdict awaits = held_for(0.0003);
  EXPECT_EQ(awaits.best, kAsync);
  EXPECT_NEAR(awaits.gain.middle, 44.2, 1);
  const Verdict blocks = held_for(0.03);
  EXPECT_EQ(blocks.best, kThreadPool);
  EXPECT_NEAR(On(kAsync, blocks).gain.middle, 1, 0.05);
  // Where nobody has looked either may be, which is no ground for a move.
  work.evidence.loop_lag = {};
  const Verdict unknown = Judge(work);
  EXPECT_EQ(unknown.best, kThreadPool);
  EXPECT_LT(On(kAsync, unknown).gain.low, 1);
  EXPECT_GT(On(kAsync, unknown).gain.high, 50);
}

TEST(Verdict, ALittleBetterIsSaidWhereItIsSure) {
  WorkToJudge work = WorkOf({.free = 0.01, .waits = 0.0015},
                            {.executor = kProcessPool, .at_once = 2});
  work.is_python = false;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_EQ(verdict.leaning, kThreadPool);
  EXPECT_EQ(verdict.best, std::nullopt);
  EXPECT_NE(Judge(TwoThreadsThatCompute()).leaning, kProcessPool)
      << "a move is no leaning";
}

TEST(Verdict, WithoutTheLocksShareWaitingAndTurnsAreNotToldApart) {
  WorkToJudge work = TwoThreadsThatCompute();
  work.evidence.gil_wait = {};
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kUndecided);
  EXPECT_EQ(verdict.measures.other, std::nullopt);
  const Interval gain = On(kProcessPool, verdict).gain;
  EXPECT_LT(gain.low, 1.1);
  EXPECT_GT(gain.high, 1.9);
}

TEST(Verdict, OthersOnTheMachineAreNoReasonToMove) {
  WorkToJudge work = TwoThreadsThatCompute();
  // The wait is for a core, not for the lock.
  work.evidence.run_queue_delay = work.evidence.gil_wait;
  work.evidence.gil_wait.sum = RealSeconds::zero();
  const Verdict verdict = Judge(work);
  EXPECT_NE(verdict.code, VerdictCode::kMove);
  EXPECT_EQ(verdict.bound, Bound::kMachine);
}

// As measured beside builds that took three quarters of two cores.
TEST(Verdict, ProcessesOnABusyMachineStayProcesses) {
  WorkToJudge work =
      WorkOf({.locked = 0.03}, {.executor = kProcessPool, .at_once = 2}, 40);
  work.evidence.wall = work.evidence.cpu.sum / 0.35;
  work.evidence.cpu.wall = work.evidence.wall;
  work.evidence.run_queue_delay = {.attempts = 40,
                                   .sum = work.evidence.wall * 0.65,
                                   .wall = work.evidence.wall};
  work.evidence.active = work.evidence.wall / 1.8;
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_EQ(verdict.bound, Bound::kMachine);
  EXPECT_LT(On(kThreadPool, verdict).gain.low, 1);
}

// A hundredth each of computing and of waiting for a core, on a machine at
// work.
TEST(Verdict, WhoHardlyComputesIsNotBoundByOthers) {
  WorkToJudge work = WorkOf({.locked = 0.0007, .waits = 0.1},
                            {.executor = kProcessPool, .at_once = 2});
  work.evidence.run_queue_delay = {.attempts = 400,
                                   .sum = work.evidence.wall * 0.01,
                                   .wall = work.evidence.wall};
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kMove);
  EXPECT_EQ(verdict.bound, Bound::kWaits);
}

TEST(Verdict, EmptySlotsAreNoPromiseOfFullOnes) {
  WorkToJudge work =
      WorkOf({.locked = 0.3}, {.executor = kProcessPool, .at_once = 2}, 9);
  work.evidence.active *= 1.5;  // one task was left at the end
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_LT(On(kThreadPool, verdict).gain.middle, 1.1);
}

// Two slots are filled by fewer tasks than fill seventy.
TEST(Verdict, EmptySlotsTakeNothingFromWhereFewerAreNeeded) {
  WorkToJudge work =
      WorkOf({.waits = 0.03}, {.executor = kThreadPool, .at_once = 45});
  const Interval gain = On(kProcessPool, Judge(work)).gain;
  EXPECT_NEAR(gain.middle, 2.0 / 45, 0.004);
  EXPECT_LE(gain.low, gain.middle * 45 / 64);
}

TEST(Verdict, MemoryGrowsWithProcesses) {
  WorkToJudge work = WorkOf({.locked = 0.001, .free = 0.03},
                            {.executor = kThreadPool, .at_once = 2});
  work.concurrency = 2;
  work.evidence.memory_bytes = {
      .attempts = 1, .sum = double{100 << 20}, .wall = RealSeconds(1)};
  const Interval memory = On(kProcessPool, Judge(work)).memory_bytes;
  EXPECT_GT(memory.low, 100 << 20);
  EXPECT_LE(memory.high, 200 << 20);
}

TEST(Verdict, WhatWouldNotFitTheAgentsMemoryIsNotAdvised) {
  WorkToJudge work = TwoThreadsThatCompute();
  work.evidence.memory_bytes = {
      .attempts = 1, .sum = double{1 << 30}, .wall = RealSeconds(1)};
  work.evidence.agent_memory_bytes = 4.0 * (1 << 30);
  EXPECT_EQ(Judge(work).code, VerdictCode::kMove);
  work.evidence.agent_memory_bytes = 1.2 * (1 << 30);
  const Verdict verdict = Judge(work);
  EXPECT_EQ(verdict.code, VerdictCode::kStay);
  EXPECT_FALSE(On(kProcessPool, verdict).fits);
  EXPECT_TRUE(Has(Advice::kMemory, verdict));
}

// What holds for all evidence.

Needs AnyNeeds(Random& random) {
  const auto some = [&] { return std::pow(10.0, -3 + 2 * random.Unit()); };
  Needs needs;
  if (random.Below(3) != 0) needs.locked = some();
  if (random.Below(3) == 0) needs.free = some();
  if (random.Below(2) == 0) needs.waits = some() * 3;
  if (needs.alone() == 0) needs.locked = some();
  return needs;
}

// The place that the executor would make of it.
Place PlaceOn(ExecutorKind kind, double cores, double cap) {
  Place place = {.executor = kind, .cores = cores};
  const double slots = kind == kProcessPool ? cores : 64;
  place.at_once = std::min(slots, cap);
  place.processes = kind == kProcessPool
                        ? place.at_once
                        : std::min(cores, std::ceil(place.at_once / 4));
  return place;
}

struct World {
  Needs needs;
  double cores = 2;
  double cap = 64;
  double truth = 1;  // how much better the other executor does
  WorkToJudge work;
};

World AnyWorld(uint64_t seed) {
  Random random(seed);
  World world;
  world.needs = AnyNeeds(random);
  world.cores = static_cast<double>(uint64_t{2} << random.Below(4));
  world.cap = static_cast<double>(uint64_t{2} << random.Below(6));
  const bool on_threads = random.Below(2) == 0;
  const ExecutorKind here = on_threads ? kThreadPool : kProcessPool;
  const ExecutorKind there = on_threads ? kProcessPool : kThreadPool;
  const Place now = PlaceOn(here, world.cores, world.cap);
  const Place then = PlaceOn(there, world.cores, world.cap);
  world.truth = Throughput(world.needs, then) / Throughput(world.needs, now);
  world.work = WorkOf(world.needs, now, 2'000);
  world.work.concurrency = static_cast<uint64_t>(world.cap);
  return world;
}

TEST(VerdictProperty, NeverMovesWhatIsRightWhereItIs) {
  int judged = 0;
  for (uint64_t seed = 1; seed <= 5'000; ++seed) {
    const World world = AnyWorld(seed);
    if (world.truth > 1.02) continue;
    const Verdict verdict = Judge(world.work);
    judged += verdict.predictions.empty() ? 0 : 1;
    EXPECT_NE(verdict.code, VerdictCode::kMove)
        << "seed " << seed << ", truth " << world.truth;
  }
  EXPECT_GT(judged, 1'000);
}

TEST(VerdictProperty, FindsWhatIsWrongAndTheTruthIsWithinTheInterval) {
  int wrong = 0;
  int found = 0;
  int within = 0;
  for (uint64_t seed = 1; seed <= 5'000; ++seed) {
    const World world = AnyWorld(seed);
    const Verdict verdict = Judge(world.work);
    if (verdict.predictions.empty() || world.truth < 1.3) continue;
    ++wrong;
    const Interval& gain = verdict.predictions[0].gain;
    within +=
        gain.low <= world.truth * 1.001 && world.truth <= gain.high * 1.001;
    found += verdict.code == VerdictCode::kMove;
  }
  ASSERT_GT(wrong, 300);
  EXPECT_GT(within, wrong * 95 / 100);
  EXPECT_GT(found, wrong * 80 / 100);
}

TEST(VerdictProperty, TheGainOfProcessesRisesWithTheWaitForTheLock) {
  WorkToJudge work = TwoThreadsThatCompute();
  double before = 0;
  for (int percent = 0; percent <= 60; percent += 2) {
    // The same time, more and more of it spent on the lock.
    work.evidence.cpu.sum = work.evidence.wall * 0.4;
    work.evidence.gil_wait.sum = work.evidence.wall * (percent / 100.0);
    const Verdict verdict = Judge(work);
    const double gain = On(kProcessPool, verdict).gain.middle;
    EXPECT_GE(gain, before) << percent;
    before = gain;
  }
  EXPECT_GT(before, 1.9);
}

TEST(VerdictProperty, IntervalsAreInOrderAndFinite) {
  for (uint64_t seed = 1; seed <= 5'000; ++seed) {
    World world = AnyWorld(seed);
    Random random(seed);
    // Sums that no worker would report.
    const auto maim = [&](auto& known) {
      if (random.Below(4) == 0) known = {};
      if (random.Below(4) == 0) known.sum *= 5 * random.Unit();
    };
    maim(world.work.evidence.cpu);
    maim(world.work.evidence.gil_wait);
    maim(world.work.evidence.run_queue_delay);
    if (random.Below(5) == 0) world.work.evidence.slots = {};
    if (random.Below(5) == 0) world.work.executor = kAsync;
    if (random.Below(9) == 0) world.work.evidence.active = {};
    const Verdict verdict = Judge(world.work);
    for (const Prediction& one : verdict.predictions) {
      EXPECT_TRUE(std::isfinite(one.gain.high)) << seed;
      EXPECT_GE(one.gain.low, 0) << seed;
      EXPECT_LE(one.gain.low, one.gain.middle) << seed;
      EXPECT_LE(one.gain.middle, one.gain.high) << seed;
    }
    if (verdict.code == VerdictCode::kMove) {
      EXPECT_GE(verdict.gain.low, kGainMin);
    }
  }
}

}  // namespace
}  // namespace remuda

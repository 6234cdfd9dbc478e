#include "jobs/verdict/verdict_words.h"

#include <gtest/gtest.h>

#include "jobs/verdict/synthetic_work.h"

namespace remuda {
namespace {

constexpr ExecutorKind kThreadPool = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcessPool = ExecutorKind::kProcessPool;

WorkToJudge TwoThreads(const Needs& needs) {
  WorkToJudge work =
      WorkOf(needs, {.executor = kThreadPool, .at_once = 2, .processes = 1});
  work.concurrency = 2;
  return work;
}

std::string Sentence(const WorkToJudge& work) {
  return VerdictSentence("rows:clean", work, Judge(work));
}

TEST(VerdictWords, AMoveSaysWhatWhyAndHow) {
  EXPECT_EQ(Sentence(TwoThreads({.locked = 0.1})),
            "`rows:clean` on thread-pool: 2 at once do the work of 1.00 core "
            "(50% CPU, 50% wait for Python's lock); process-pool predicted "
            "2.0x (1.6 to 2.2): set `executor: process-pool`.");
}

TEST(VerdictWords, AStaySaysWhatTheOtherWouldGive) {
  EXPECT_EQ(Sentence(TwoThreads({.free = 0.03})),
            "`rows:clean` on thread-pool: 2 at once do the work of 2.00 cores "
            "(100% CPU, no wait for Python's lock); process-pool predicted "
            "1.00x (0.92 to 1.08): stay.");
}

TEST(VerdictWords, WhatWaitsForOthersIsAPromiseOfTheirs) {
  WorkToJudge work = WorkOf({.locked = 0.0001, .waits = 0.05},
                            {.executor = kProcessPool, .at_once = 2});
  work.concurrency = 20;
  const std::string sentence = Sentence(work);
  EXPECT_NE(sentence.find("if what it waits for keeps up"), std::string::npos)
      << sentence;
  EXPECT_NE(sentence.find("and look at `concurrency`"), std::string::npos)
      << sentence;
}

TEST(VerdictWords, AbstentionsSayWhatIsMissing) {
  EXPECT_EQ(Sentence(WorkOf({.locked = 0.1}, {.executor = kProcessPool}, 3)),
            "`rows:clean` on process-pool: 3 attempts of 300.0 ms in all; a "
            "verdict needs 8 of 500.0 ms.");
  WorkToJudge work = TwoThreads({.locked = 0.1});
  work.evidence.cpu = {};
  EXPECT_NE(Sentence(work).find("look alike"), std::string::npos);
  work = TwoThreads({.locked = 0.1});
  work.evidence.gil_wait = {};
  EXPECT_NE(Sentence(work).find("allows either; `remuda try`"),
            std::string::npos);
  work = TwoThreads({.locked = 0.1});
  work.concurrency = 0;
  EXPECT_NE(Sentence(work).find("2 at once, where 64 might be"),
            std::string::npos);
}

TEST(VerdictWords, TinyTasksAndHungryOnesAreTold) {
  WorkToJudge work = WorkOf({.locked = 20e-6},
                            {.executor = kProcessPool, .at_once = 2}, 40'000);
  work.evidence.active *= 5;
  EXPECT_NE(Sentence(work).find("tasks of 20 us each keep a core for 100 us; "
                                "tasks that do the work of about 500"),
            std::string::npos)
      << Sentence(work);
  work = WorkOf({.free = 0.5}, {.executor = kProcessPool, .at_once = 2});
  work.evidence.cpu.sum *= 1.9;
  EXPECT_NE(Sentence(work).find("set `resources: {cpu: 2}`"), std::string::npos)
      << Sentence(work);
}

TEST(VerdictWords, EveryAdviceIsASentence) {
  const WorkToJudge work = TwoThreads({.locked = 0.1});
  const Verdict verdict = Judge(work);
  for (const Advice advice :
       {Advice::kMoreAtOnce, Advice::kLessAtOnce, Advice::kOffload,
        Advice::kBlocks, Advice::kMakeFaster}) {
    const std::string text = AdviceSentence(advice, work, verdict);
    EXPECT_TRUE(text.ends_with(".")) << Name(advice) << text;
  }
}

TEST(VerdictWords, WhatWouldNotFitIsSaidWithBothSizes) {
  WorkToJudge work = TwoThreads({.locked = 0.1});
  work.evidence.memory_bytes = {
      .attempts = 1, .sum = 3.0 * (1 << 30), .wall = RealSeconds(1)};
  work.evidence.agent_memory_bytes = 4.0 * (1 << 30);
  EXPECT_NE(Sentence(work).find("would not fit the memory: stay"),
            std::string::npos)
      << Sentence(work);
  const std::string advice = AdviceSentence(Advice::kMemory, work, Judge(work));
  EXPECT_NE(advice.find(" GiB, of the 4.0 GiB that the agent may"),
            std::string::npos)
      << advice;
}

TEST(VerdictWords, GainsAreRoundedToWhatTheyAreWorth) {
  EXPECT_EQ(GainText({0.914, 1.049, 1.14}), "1.05x (0.91 to 1.14)");
  EXPECT_EQ(GainText({1.71, 1.93, 12.4}), "1.9x (1.7 to 12)");
  EXPECT_EQ(GainText({31, 32.2, 468}), "32x (31 to 470)");
}

}  // namespace
}  // namespace remuda

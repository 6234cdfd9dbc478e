#include <gtest/gtest.h>

#include "coordinator/core/core_driver.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;

JobFinding Blocked(uint64_t line, uint64_t count = 1) {
  return {.code = "loop_blocked",
          .text = "time.sleep blocks the event loop",
          .function = "work",
          .file = "/a.py",
          .line = line,
          .task = 2,
          .count = count,
          .longest = milliseconds(250)};
}

class FindingsTest : public testing::Test {
 protected:
  FindingsTest() : agent_(driver_, "a") {
    agent_.SayHello();
    agent_.Beat(4'000);
  }
  ~FindingsTest() override {
    EXPECT_EQ(driver_.store().violations(), std::vector<std::string>());
  }

  void Tell(ScriptedAgent& agent, JobId job,
            const std::vector<JobFinding>& findings) {
    Findings message;
    for (const JobFinding& finding : findings) {
      message.items.push_back({.job = job, .finding = finding});
    }
    agent.Send(message);
  }

  std::vector<JobFinding> Known(JobId job) {
    return driver_.Summary(job).findings;
  }

  uint64_t Stale(StaleReason reason) {
    return driver_.core().counters().stale[static_cast<size_t>(
        AgentMessageKind::kFindings)][static_cast<size_t>(reason)];
  }

  CoreDriver driver_;
  ScriptedAgent agent_;
};

TEST_F(FindingsTest, AreKnownWhileTheJobRunsAndAfterwards) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  Tell(agent_, job, {Blocked(3), Blocked(5)});
  ASSERT_EQ(Known(job).size(), 2u);
  EXPECT_EQ(driver_.Summary(job).state, JobState::kRunning);
  Tell(agent_, job, {Blocked(5, 4)});
  ASSERT_EQ(Known(job).size(), 2u);
  EXPECT_EQ(Known(job)[0], Blocked(3));
  EXPECT_EQ(Known(job)[1].count, 5u);
  agent_.SucceedAll();
  EXPECT_EQ(driver_.Summary(job).state, JobState::kSucceeded);
  EXPECT_EQ(Known(job).size(), 2u);
}

TEST_F(FindingsTest, ARestartKeepsThem) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  Tell(agent_, job, {Blocked(3)});
  driver_.Restart();
  agent_.SayHello(agent_.Held());
  Tell(agent_, job, {Blocked(3), Blocked(9)});
  ASSERT_EQ(Known(job).size(), 2u);
  EXPECT_EQ(Known(job)[0].count, 2u);
}

TEST_F(FindingsTest, TheHistoryGivesThemAgain) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  Tell(agent_, job, {Blocked(3)});
  Tell(agent_, job, {Blocked(3), Blocked(9)});
  Core again{CoreOptions()};
  for (const Event& event : driver_.store().history()) again.Apply(event);
  EXPECT_EQ(again.summary(job)->findings, Known(job));
  EXPECT_EQ(again.StateDigest(), driver_.core().StateDigest());
}

TEST_F(FindingsTest, TheFirstOnesStay) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  std::vector<JobFinding> many;
  for (uint64_t line = 1; line <= kJobFindingsMax + 5; ++line) {
    many.push_back(Blocked(line));
  }
  Tell(agent_, job, many);
  ASSERT_EQ(Known(job).size(), kJobFindingsMax);
  EXPECT_EQ(Known(job).back().line, kJobFindingsMax);
  const size_t events = driver_.store().history().size();
  Tell(agent_, job, {Blocked(1'000)});
  EXPECT_EQ(driver_.store().history().size(), events);
}

TEST_F(FindingsTest, OnlyWhoWasGivenTheJobSpeaksOfIt) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  ScriptedAgent other(driver_, "b");
  other.SayHello();
  Tell(other, job, {Blocked(3)});
  EXPECT_TRUE(Known(job).empty());
  EXPECT_EQ(Stale(StaleReason::kOtherHolder), 1u);
  Tell(agent_, JobId{999}, {Blocked(3)});
  EXPECT_EQ(Stale(StaleReason::kJobGone), 1u);
  agent_.SucceedAll();
  Tell(agent_, job, {Blocked(3)});
  EXPECT_TRUE(Known(job).empty());
  EXPECT_EQ(Stale(StaleReason::kJobGone), 2u);
}

TEST_F(FindingsTest, ProgressIsKeptWhileItsTaskRuns) {
  const JobId job = driver_.SubmitOne(NoopJob(3));
  const auto tell = [&](ScriptedAgent& agent, TaskIndex task, double fraction) {
    agent.Send(
        Findings{.items = {},
                 .progress = {{.job = job,
                               .task = {.task = task, .fraction = fraction}}}});
  };
  tell(agent_, 1, 0.25);
  tell(agent_, 0, 0.5);
  tell(agent_, 1, 0.75);
  tell(agent_, 99, 0.5);  // is none of its tasks
  ASSERT_EQ(driver_.core().progress(job).size(), 2u);
  EXPECT_EQ(driver_.core().progress(job)[1],
            (TaskProgress{.task = 1, .fraction = 0.75, .text = ""}));
  ScriptedAgent other(driver_, "b");
  other.SayHello();
  tell(other, 2, 0.5);
  EXPECT_EQ(driver_.core().progress(job).size(), 2u);
  agent_.SucceedAll();
  EXPECT_TRUE(driver_.core().progress(job).empty());
}

TEST_F(FindingsTest, ProgressIsBoundedAndNoPartOfTheState) {
  const JobId job = driver_.SubmitOne(NoopJob(100));
  const std::string digest = driver_.core().StateDigest();
  const size_t events = driver_.store().history().size();
  Findings many;
  for (TaskIndex task = 0; task < Findings::kProgressMax; ++task) {
    many.progress.push_back(
        {.job = job, .task = {.task = task, .fraction = 0.5}});
  }
  agent_.Send(many);
  EXPECT_EQ(driver_.core().progress(job).size(), kJobProgressMax);
  EXPECT_EQ(driver_.core().StateDigest(), digest);
  EXPECT_EQ(driver_.store().history().size(), events);
}

}  // namespace
}  // namespace remuda

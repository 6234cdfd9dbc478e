#include "cli/waiting.h"

#include "gtest/gtest.h"

namespace remuda {
namespace {

JobSummary Waiting() {
  JobSummary job;
  job.executor = ExecutorKind::kProcessPool;
  job.total = 2;
  job.tasks[static_cast<size_t>(TaskState::kPending)] = 2;
  return job;
}

AgentSummary With(const std::string& executor, uint64_t slots) {
  AgentSummary agent;
  agent.executors = {{executor, slots}};
  return agent;
}

TEST(WhyWaitingTest, NamesTheMissingAgent) {
  EXPECT_EQ(WhyWaiting(Waiting(), {}), "no agent is online");
  AgentSummary leaving = With("process-pool", 4);
  leaving.state = AgentState::kDraining;
  EXPECT_EQ(WhyWaiting(Waiting(), {leaving}), "no agent is online");
}

TEST(WhyWaitingTest, NamesTheMissingExecutor) {
  EXPECT_EQ(WhyWaiting(Waiting(), {With("async", 10), With("process-pool", 0)}),
            "no online agent has the executor process-pool");
}

TEST(WhyWaitingTest, NamesTheMissingType) {
  JobSummary job = Waiting();
  job.type = "perl.eval";
  AgentSummary agent = With("process-pool", 4);
  EXPECT_EQ(WhyWaiting(job, {agent}), "");
  agent.job_types = {"noop", "sleep"};
  EXPECT_EQ(WhyWaiting(job, {agent}),
            "no online agent runs jobs of type 'perl.eval'; start one with "
            "the --plugin or --worker that has it");
  AgentSummary other = agent;
  other.job_types.push_back("perl.eval");
  EXPECT_EQ(WhyWaiting(job, {agent, other}), "");
}

TEST(WhyWaitingTest, NamesTheMissingCpus) {
  JobSummary wide = Waiting();
  wide.slots_each = 8;
  EXPECT_EQ(
      WhyWaiting(wide, {With("process-pool", 2), With("process-pool", 4)}),
      "no online agent has 8 cpus for a task: the most slots of "
      "process-pool are 4");
  EXPECT_EQ(WhyWaiting(wide, {With("process-pool", 8)}), "");
}

TEST(WhyWaitingTest, SaysNothingOfWhatCanRun) {
  EXPECT_EQ(WhyWaiting(Waiting(), {With("process-pool", 1)}), "");
}

TEST(WhyWaitingTest, SaysNothingOfWhatRunsOrIsOver) {
  JobSummary running = Waiting();
  running.tasks[static_cast<size_t>(TaskState::kRunning)] = 1;
  EXPECT_EQ(WhyWaiting(running, {}), "");
  JobSummary over = Waiting();
  over.state = JobState::kCancelled;
  EXPECT_EQ(WhyWaiting(over, {}), "");
}

}  // namespace
}  // namespace remuda

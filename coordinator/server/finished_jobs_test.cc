#include "coordinator/server/finished_jobs.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

JobSummary Ended(uint64_t id, JobState state = JobState::kSucceeded) {
  JobSummary job;
  job.id = {id};
  job.state = state;
  return job;
}

TEST(FinishedJobsTest, KeepsTheLastOnes) {
  FinishedJobs jobs;
  EXPECT_EQ(jobs.Find({1}), nullptr);
  for (uint64_t id = 1; id <= FinishedJobs::kKept; ++id) jobs.Add(Ended(id));
  ASSERT_NE(jobs.Find({1}), nullptr);
  EXPECT_EQ(jobs.Find({1})->id, JobId{1});

  jobs.Add(Ended(FinishedJobs::kKept + 1));
  EXPECT_EQ(jobs.Find({1}), nullptr);
  EXPECT_NE(jobs.Find({2}), nullptr);
  EXPECT_NE(jobs.Find({FinishedJobs::kKept + 1}), nullptr);
}

TEST(FinishedJobsTest, OneAddedAgainCountsOnce) {
  FinishedJobs jobs;
  jobs.Add(Ended(7, JobState::kFailed));
  jobs.Add(Ended(7, JobState::kSucceeded));
  ASSERT_NE(jobs.Find({7}), nullptr);
  EXPECT_EQ(jobs.Find({7})->state, JobState::kSucceeded);
  for (uint64_t id = 8; id < 7 + FinishedJobs::kKept; ++id) jobs.Add(Ended(id));
  EXPECT_NE(jobs.Find({7}), nullptr);
  jobs.Add(Ended(7 + FinishedJobs::kKept));
  EXPECT_EQ(jobs.Find({7}), nullptr);
}

}  // namespace
}  // namespace remuda

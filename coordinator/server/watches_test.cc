#include "coordinator/server/watches.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1)};
constexpr Peer kPeer{5};

JobSummary Job(uint64_t id, JobState state, uint64_t attempts = 0) {
  JobSummary summary;
  summary.id = {id};
  summary.state = state;
  summary.attempts = attempts;
  return summary;
}

void Commit(Watches& watches, const JobSummary& job) {
  watches.OnCommitted({&job, 1});
}

const JobSummaries& Jobs(const ToClient& reply) {
  return std::get<JobSummaries>(reply.reply);
}

TEST(WatchesTest, TellsAtOnceThenAtMostOnceAnInterval) {
  Watches watches;
  ASSERT_TRUE(watches.Add(kPeer, 7, {Job(1, JobState::kRunning)}).ok());
  std::vector<ToClient> due = watches.TakeDue(kStart);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].peer, kPeer);
  EXPECT_EQ(due[0].request, 7u);
  EXPECT_FALSE(watches.next_time().has_value());

  Commit(watches, Job(1, JobState::kRunning, 1));
  Commit(watches, Job(1, JobState::kRunning, 2));
  EXPECT_TRUE(watches.TakeDue(kStart + std::chrono::milliseconds(1)).empty());
  EXPECT_EQ(watches.next_time(), kStart + Watches::kIntervalMin);
  due = watches.TakeDue(kStart + Watches::kIntervalMin);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(Jobs(due[0]).jobs.at(0).attempts, 2u);
  EXPECT_TRUE(watches.TakeDue(kStart + std::chrono::seconds(10)).empty());
}

TEST(WatchesTest, TheLastChangeIsToldAtOnceAndEndsTheWatch) {
  Watches watches;
  ASSERT_TRUE(watches
                  .Add(kPeer, 7,
                       {Job(1, JobState::kRunning), Job(2, JobState::kFailed)})
                  .ok());
  EXPECT_EQ(watches.TakeDue(kStart).size(), 1u);
  Commit(watches, Job(1, JobState::kSucceeded));
  const std::vector<ToClient> due = watches.TakeDue(kStart);
  ASSERT_EQ(due.size(), 1u);
  ASSERT_EQ(Jobs(due[0]).jobs.size(), 2u);
  EXPECT_EQ(Jobs(due[0]).jobs[0].state, JobState::kSucceeded);
  EXPECT_EQ(watches.size(), 0u);
  Commit(watches, Job(1, JobState::kSucceeded));
  EXPECT_TRUE(watches.TakeDue(kStart).empty());
}

TEST(WatchesTest, OfFinishedJobsThereIsOneReply) {
  Watches watches;
  ASSERT_TRUE(watches.Add(kPeer, 7, {Job(1, JobState::kFailed)}).ok());
  EXPECT_EQ(watches.TakeDue(kStart).size(), 1u);
  EXPECT_EQ(watches.size(), 0u);
}

TEST(WatchesTest, AFinalStateIsNotTakenBack) {
  Watches watches;
  ASSERT_TRUE(watches
                  .Add(kPeer, 7,
                       {Job(1, JobState::kFailed), Job(2, JobState::kRunning)})
                  .ok());
  Commit(watches, Job(1, JobState::kRunning));
  const std::vector<ToClient> due = watches.TakeDue(kStart);
  EXPECT_EQ(Jobs(due.at(0)).jobs.at(0).state, JobState::kFailed);
}

TEST(WatchesTest, APeerThatIsGoneIsForgotten) {
  Watches watches;
  ASSERT_TRUE(watches.Add(kPeer, 7, {Job(1, JobState::kRunning)}).ok());
  ASSERT_TRUE(watches.Add(kPeer, 8, {Job(1, JobState::kRunning)}).ok());
  ASSERT_TRUE(watches.Add({6}, 7, {Job(1, JobState::kRunning)}).ok());
  watches.Drop(kPeer);
  EXPECT_EQ(watches.size(), 1u);
  const std::vector<ToClient> due = watches.TakeDue(kStart);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].peer, Peer{6});
}

TEST(WatchesTest, TheirNumberIsBounded) {
  Watches watches;
  for (uint64_t i = 0; i < Watches::kWatchesMax; ++i) {
    ASSERT_TRUE(watches.Add(kPeer, i, {Job(1, JobState::kRunning)}).ok());
  }
  EXPECT_FALSE(watches.Add({6}, 1, {Job(1, JobState::kRunning)}).ok());
  EXPECT_TRUE(watches.Add(kPeer, 3, {Job(2, JobState::kRunning)}).ok())
      << "replaces its own";
}

TEST(WatchesTest, WhatThePeerKnowsIsNotToldAgain) {
  Watches watches;
  ASSERT_TRUE(
      watches.Add(kPeer, 7, {Job(1, JobState::kRunning)}, Watches::Knows::kThis)
          .ok());
  EXPECT_TRUE(watches.TakeDue(kStart).empty());
  Commit(watches, Job(1, JobState::kSucceeded));
  const std::vector<ToClient> due = watches.TakeDue(kStart);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(Jobs(due[0]).jobs.at(0).state, JobState::kSucceeded);
  EXPECT_EQ(watches.size(), 0u);
}

TEST(WatchesTest, AWatchWithNothingToWaitForIsToldSoAndEnds) {
  Watches watches;
  ASSERT_TRUE(
      watches
          .Add(kPeer, 7, {Job(1, JobState::kSucceeded)}, Watches::Knows::kThis)
          .ok());
  EXPECT_EQ(watches.TakeDue(kStart).size(), 1u);
  EXPECT_EQ(watches.size(), 0u);
}

}  // namespace
}  // namespace remuda

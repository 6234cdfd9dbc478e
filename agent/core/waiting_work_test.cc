#include "agent/core/waiting_work.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace remuda {
namespace {

std::shared_ptr<const JobWork> RangeJob(uint64_t id,
                                        Duration timeout = Duration::zero()) {
  auto work = std::make_shared<JobWork>();
  work->id = {id};
  work->job.timeout = timeout;
  work->job.tasks.kind = TaskSource::Kind::kRange;
  work->job.tasks.from = 100;
  work->job.tasks.to = 10'000'099;
  return work;
}

std::vector<TaskIndex> Indices(const std::vector<Attempt>& attempts) {
  std::vector<TaskIndex> indices;
  for (const Attempt& attempt : attempts) indices.push_back(attempt.id.task);
  return indices;
}

TEST(WaitingWorkTest, TasksBecomeAttemptsInOrder) {
  WaitingWork waiting;
  waiting.Push({.work = RangeJob(1), .tasks = {0, 2}, .fence = {1}});
  waiting.Push({.work = RangeJob(2), .tasks = {7, 5}, .fence = {3}});
  EXPECT_EQ(waiting.size(), 7u);
  const WaitingWork::Taken taken = waiting.Take({.attempts = 4, .slots = 0});
  EXPECT_EQ(Indices(taken.attempts), (std::vector<TaskIndex>{0, 1, 7, 8}));
  EXPECT_EQ(taken.attempts[0].item, "100");
  EXPECT_EQ(taken.attempts[3].id.fence, Fence{3});
  EXPECT_EQ(waiting.size(), 3u);
}

TEST(WaitingWorkTest, AMillionTasksCostOneRange) {
  WaitingWork waiting;
  waiting.Push({.work = RangeJob(1), .tasks = {0, 10'000'000}, .fence = {1}});
  EXPECT_EQ(waiting.size(), 10'000'000u);
  EXPECT_EQ(
      waiting.RemoveTasks({1}, {.first = 5, .count = 9'999'990}, {}).size(),
      1u);
  EXPECT_EQ(Indices(waiting.Take({.attempts = 100, .slots = 100}).attempts),
            (std::vector<TaskIndex>{0, 1, 2, 3, 4, 9'999'995, 9'999'996,
                                    9'999'997, 9'999'998, 9'999'999}));
}

TEST(WaitingWorkTest, TimedTasksWaitForASlot) {
  WaitingWork waiting;
  waiting.Push({.work = RangeJob(1, std::chrono::seconds(1)),
                .tasks = {0, 5},
                .fence = {1}});
  EXPECT_EQ(waiting.Take({.attempts = 9, .slots = 2}).attempts.size(), 2u);
  EXPECT_TRUE(waiting.Take({.attempts = 9, .slots = 0}).attempts.empty());
}

TEST(WaitingWorkTest, RemovesByJobAndFence) {
  WaitingWork waiting;
  waiting.Push({.work = RangeJob(1), .tasks = {0, 5}, .fence = {1}});
  waiting.Push({.work = RangeJob(2), .tasks = {0, 5}, .fence = {1}});
  waiting.Push({.work = RangeJob(1), .tasks = {0, 5}, .fence = {2}});
  EXPECT_EQ(
      waiting.RemoveTasks({1}, {.first = 0, .count = 9}, Fence{2}),
      (std::vector<FencedRange>{{.job = {1}, .tasks = {0, 5}, .fence = {2}}}));
  EXPECT_EQ(waiting.RemoveJob({2}).size(), 1u);
  EXPECT_EQ(waiting.RemoveAll().size(), 1u);
  EXPECT_EQ(waiting.size(), 0u);
}

TEST(WaitingWorkTest, ASliceFindsItsItems) {
  WaitingRange range = {.work = RangeJob(1), .tasks = {10, 3}, .fence = {1}};
  range.items = std::make_shared<const std::string>("\"a\"\n\"bc\"\n\"d\"\n");
  WaitingWork waiting;
  waiting.Push(SliceOf(range, {.first = 11, .count = 2}));
  const WaitingWork::Taken taken = waiting.Take({.attempts = 9, .slots = 9});
  ASSERT_EQ(taken.attempts.size(), 2u);
  EXPECT_EQ(taken.attempts[0].item, "\"bc\"");
  EXPECT_EQ(taken.attempts[1].item, "\"d\"");
}

}  // namespace
}  // namespace remuda

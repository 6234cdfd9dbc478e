#include "coordinator/core/delayed_tasks.h"

#include <map>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

MonotonicTime At(uint64_t nanoseconds) {
  return MonotonicTime(Duration(static_cast<Duration::rep>(nanoseconds)));
}

TEST(DelayedTasksTest, GivesWhatIsDueByTimeAndThenIndex) {
  DelayedTasks tasks;
  EXPECT_EQ(tasks.next_due(), std::nullopt);
  tasks.Add(At(30), {7, 2});
  tasks.Add(At(10), {9, 1});
  tasks.Add(At(10), {3, 4});
  tasks.Add(At(20), {0, 0});
  EXPECT_EQ(tasks.next_due(), At(10));
  EXPECT_TRUE(tasks.TakeDue(At(9)).empty());
  EXPECT_EQ(tasks.TakeDue(At(10)), (std::vector<IndexRange>{{3, 4}, {9, 1}}));
  EXPECT_EQ(tasks.next_due(), At(30));
  EXPECT_EQ(tasks.TakeDue(At(99)), (std::vector<IndexRange>{{7, 2}}));
  EXPECT_EQ(tasks.next_due(), std::nullopt);
}

TEST(DelayedTasksTest, LargeRangesStayWhole) {
  DelayedTasks tasks;
  tasks.Add(At(1), {1'000, 1'000'000});
  IndexRanges due;
  for (const IndexRange range : tasks.TakeDue(At(1))) due.Add(range);
  EXPECT_EQ(due, IndexRanges({1'000, 1'000'000}));
}

TEST(DelayedTasksTest, ClearForgetsAll) {
  DelayedTasks tasks;
  tasks.Add(At(1), {1, 1});
  tasks.Clear();
  EXPECT_EQ(tasks.next_due(), std::nullopt);
  EXPECT_TRUE(tasks.TakeDue(At(2)).empty());
}

TEST(DelayedTasksTest, AgreesWithASortedMap) {
  Random random(7);
  DelayedTasks tasks;
  std::multimap<MonotonicTime, uint64_t> model;
  uint64_t now = 0;
  for (uint64_t task = 0; task < 20'000; ++task) {
    const MonotonicTime due = At(now + random.Below(500));
    tasks.Add(due, {task, 1});
    model.emplace(due, task);
    if (random.Below(50) != 0) continue;
    now += random.Below(200);
    std::vector<IndexRange> expected;
    while (!model.empty() && model.begin()->first <= At(now)) {
      expected.push_back({model.begin()->second, 1});
      model.erase(model.begin());
    }
    ASSERT_EQ(tasks.TakeDue(At(now)), expected);
  }
}

}  // namespace
}  // namespace remuda

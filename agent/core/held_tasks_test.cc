#include "agent/core/held_tasks.h"

#include <gtest/gtest.h>

#include <vector>

namespace remuda {
namespace {

FencedRange Range(uint64_t job, uint64_t first, uint64_t count,
                  uint32_t fence = 1) {
  return {.job = {job}, .tasks = {first, count}, .fence = {fence}};
}

TEST(HeldTasksTest, AddsOnlyWhatIsNew) {
  HeldTasks held;
  EXPECT_EQ(held.Add(Range(1, 0, 10)),
            (std::vector<IndexRange>{{.first = 0, .count = 10}}));
  EXPECT_TRUE(held.Add(Range(1, 2, 3)).empty());
  EXPECT_EQ(held.Add(Range(1, 5, 10)),
            (std::vector<IndexRange>{{.first = 10, .count = 5}}));
  // Another fence names other attempts.
  EXPECT_EQ(held.Add(Range(1, 5, 10, 2)).size(), 1u);
  EXPECT_EQ(held.size(), 25u);
}

TEST(HeldTasksTest, AddFindsTheGaps) {
  HeldTasks held;
  held.Add(Range(1, 2, 2));
  held.Add(Range(1, 6, 2));
  EXPECT_EQ(held.Add(Range(1, 0, 10)),
            (std::vector<IndexRange>{{.first = 0, .count = 2},
                                     {.first = 4, .count = 2},
                                     {.first = 8, .count = 2}}));
}

TEST(HeldTasksTest, RemoveForgetsWhatIsThere) {
  HeldTasks held;
  held.Add(Range(1, 0, 10));
  held.Remove(Range(1, 5, 100));
  held.Remove(Range(2, 0, 1));
  held.Remove(Range(1, 0, 10, 7));
  EXPECT_EQ(held.size(), 5u);
  EXPECT_TRUE(held.HoldsJob({1}));
  held.Remove(Range(1, 0, 5));
  EXPECT_FALSE(held.HoldsJob({1}));
  EXPECT_EQ(held.size(), 0u);
}

TEST(HeldTasksTest, ListsMergedAndInOrder) {
  HeldTasks held;
  held.Add(Range(2, 0, 1));
  held.Add(Range(1, 5, 5));
  held.Add(Range(1, 0, 5));
  held.Add(Range(1, 20, 1, 3));
  EXPECT_EQ(held.List(),
            (std::vector<FencedRange>{Range(1, 0, 10), Range(1, 20, 1, 3),
                                      Range(2, 0, 1)}));
}

}  // namespace
}  // namespace remuda

#include "agent/core/begun_mark.h"

#include <deque>
#include <set>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

AttemptId Task(uint64_t task) {
  return {.job = {1}, .task = task, .fence = {1}};
}

TEST(BegunMarkTest, WhatFindsASlotBeginsAndTheRestInTurn) {
  BegunMark mark(2);
  EXPECT_EQ(mark.last(), std::nullopt);
  EXPECT_FALSE(mark.TakeMoved());
  for (uint64_t task = 0; task < 5; ++task) mark.OnGiven(Task(task));
  EXPECT_EQ(mark.last(), Task(1));
  EXPECT_TRUE(mark.TakeMoved());
  EXPECT_FALSE(mark.TakeMoved());
  const std::vector<FencedRange> waiting = {
      {.job = {1}, .tasks = {2, 3}, .fence = {1}}};
  EXPECT_EQ(mark.Waiting(), waiting);
  mark.OnEnded(Task(1), true);
  EXPECT_EQ(mark.last(), Task(2));
  EXPECT_TRUE(mark.TakeMoved());
  mark.OnEnded(Task(0), true);
  mark.OnEnded(Task(2), true);
  EXPECT_EQ(mark.last(), Task(4));
  EXPECT_TRUE(mark.Waiting().empty());
  mark.OnEnded(Task(3), true);
  mark.OnGiven(Task(9));
  EXPECT_EQ(mark.last(), Task(9));
}

TEST(BegunMarkTest, WhatWasStoppedInLineTakesNobodysTurn) {
  BegunMark mark(1);
  for (uint64_t task = 0; task < 5; ++task) mark.OnGiven(Task(task));
  mark.OnEnded(Task(1), false);
  mark.OnEnded(Task(3), false);
  EXPECT_EQ(mark.last(), Task(0));
  const std::vector<FencedRange> waiting = {
      {.job = {1}, .tasks = {2, 1}, .fence = {1}},
      {.job = {1}, .tasks = {4, 1}, .fence = {1}}};
  EXPECT_EQ(mark.Waiting(), waiting);
  mark.OnEnded(Task(0), true);
  EXPECT_EQ(mark.last(), Task(2));
  mark.OnEnded(Task(2), true);
  EXPECT_EQ(mark.last(), Task(4));
}

// An executor may take from its line in another order. The mark then names
// another task, but no more of them.
TEST(BegunMarkTest, OtherOrdersMoveTheMarkAsFar) {
  BegunMark mark(1);
  for (uint64_t task = 0; task < 4; ++task) mark.OnGiven(Task(task));
  mark.OnEnded(Task(3), true);
  EXPECT_EQ(mark.last(), Task(1));
  // Seemed to run, and was stopped in line.
  mark.OnEnded(Task(1), false);
  EXPECT_EQ(mark.last(), Task(2));
  mark.OnEnded(Task(0), true);
  mark.OnEnded(Task(2), true);
  EXPECT_EQ(mark.last(), Task(3));
  mark.OnGiven(Task(7));
  EXPECT_EQ(mark.last(), Task(7));
}

TEST(BegunMarkTest, AgreesWithAnExecutorThatKeepsTheOrder) {
  Random random(5);
  for (int round = 0; round < 50; ++round) {
    const uint64_t slots = 1 + random.Below(4);
    BegunMark mark(slots);
    std::deque<uint64_t> line;
    std::set<uint64_t> running;
    std::optional<AttemptId> last;
    uint64_t next = 0;
    for (int step = 0; step < 400; ++step) {
      const uint64_t what = random.Below(4);
      if (what < 2) {
        line.push_back(next);
        mark.OnGiven(Task(next++));
      } else if (what == 2 && !running.empty()) {
        const auto ended = std::next(
            running.begin(),
            static_cast<std::ptrdiff_t>(random.Below(running.size())));
        mark.OnEnded(Task(*ended), true);
        running.erase(ended);
      } else if (what == 3 && !line.empty()) {
        const auto gone = line.begin() + static_cast<std::ptrdiff_t>(
                                             random.Below(line.size()));
        mark.OnEnded(Task(*gone), false);
        line.erase(gone);
      }
      for (; !line.empty() && running.size() < slots; line.pop_front()) {
        running.insert(line.front());
        last = Task(line.front());
      }
      ASSERT_EQ(mark.last(), last);
      uint64_t waiting = 0;
      for (const FencedRange& range : mark.Waiting()) {
        waiting += range.tasks.count;
      }
      ASSERT_EQ(waiting, line.size());
    }
  }
}

}  // namespace
}  // namespace remuda

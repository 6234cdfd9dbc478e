#include "executors/processes/spawn_line.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

HeldSpawn Held(uint64_t id) {
  HeldSpawn held;
  held.request.id = id;
  return held;
}

TEST(SpawnLineTest, EachEndStartsTheOldest) {
  SpawnLine line;
  EXPECT_FALSE(line.Add(Held(1)).has_value());
  EXPECT_FALSE(line.Add(Held(2)).has_value());
  EXPECT_EQ(line.TakeForEnd()->request.id, 1u);
  EXPECT_EQ(line.TakeForEnd()->request.id, 2u);
  EXPECT_FALSE(line.TakeForEnd().has_value());
}

TEST(SpawnLineTest, AnEndThatTheAgentHadNotSeenIsTakenOnArrival) {
  SpawnLine line;
  EXPECT_FALSE(line.TakeForEnd().has_value());
  line.Seen(0);
  EXPECT_EQ(line.Add(Held(1))->request.id, 1u);
  EXPECT_FALSE(line.Add(Held(2)).has_value());
}

TEST(SpawnLineTest, AnEndThatTheAgentHasSeenIsTheAgents) {
  SpawnLine line;
  EXPECT_FALSE(line.TakeForEnd().has_value());
  line.Seen(1);
  EXPECT_FALSE(line.Add(Held(1)).has_value());
  EXPECT_EQ(line.TakeForEnd()->request.id, 1u);
}

TEST(SpawnLineTest, OneThatWasRemovedDoesNotStart) {
  SpawnLine line;
  EXPECT_FALSE(line.Remove(1));
  EXPECT_FALSE(line.Add(Held(1)).has_value());
  EXPECT_FALSE(line.Add(Held(2)).has_value());
  EXPECT_TRUE(line.Remove(1));
  EXPECT_FALSE(line.Remove(1));
  EXPECT_EQ(line.TakeForEnd()->request.id, 2u);
  EXPECT_EQ(line.size(), 0u);
}

}  // namespace
}  // namespace remuda

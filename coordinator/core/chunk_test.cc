#include "coordinator/core/chunk.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "base/random.h"

namespace remuda {
namespace {

TaskTries Tries(uint32_t fence, uint32_t attempts, uint32_t losses = 0,
                int64_t not_before = 0) {
  return {.fence = fence,
          .attempts = attempts,
          .losses = losses,
          .not_before = WallTime(Duration(not_before))};
}

TEST(ChunkTest, UntouchedTasksArePendingWithoutTries) {
  const ChunkState chunk;
  EXPECT_TRUE(chunk.untouched());
  EXPECT_EQ(chunk.state(0), TaskState::kPending);
  EXPECT_EQ(chunk.tries(1'023), TaskTries());
}

TEST(ChunkTest, AChunkAllAlikeIsAFewBytes) {
  ChunkState chunk;
  chunk.Set(0, kTasksPerChunk, TaskState::kSucceeded, Tries(1, 1));
  EXPECT_EQ(chunk.state(512), TaskState::kSucceeded);
  EXPECT_EQ(chunk.tries(512), Tries(1, 1));
  EXPECT_LE(chunk.Encode().size(), 8u);
}

TEST(ChunkTest, FilledPieceByPieceIsTheSameAsAtOnce) {
  ChunkState whole;
  whole.Set(0, kTasksPerChunk, TaskState::kSucceeded, Tries(1, 1));
  ChunkState pieces;
  for (uint64_t i = 0; i < kTasksPerChunk; ++i) {
    pieces.Set((i * 389) % kTasksPerChunk, 1, TaskState::kSucceeded,
               Tries(1, 1));
  }
  EXPECT_EQ(pieces.Encode(), whole.Encode());
}

TEST(ChunkTest, RunsEndWhereAnythingDiffers) {
  ChunkState chunk;
  chunk.Set(10, 20, TaskState::kSucceeded, Tries(1, 1));
  chunk.Set(15, 5, TaskState::kSucceeded, Tries(2, 2, 1));
  const auto run = [&chunk](uint64_t at) {
    const ChunkState::Run found = chunk.RunFrom(at, kTasksPerChunk);
    return std::pair(found.first, found.count);
  };
  EXPECT_EQ(run(0), std::pair(uint64_t{0}, uint64_t{10}));
  EXPECT_EQ(run(10), std::pair(uint64_t{10}, uint64_t{5}));
  EXPECT_EQ(run(15), std::pair(uint64_t{15}, uint64_t{5}));
  EXPECT_EQ(run(20), std::pair(uint64_t{20}, uint64_t{10}));
  EXPECT_EQ(run(30), std::pair(uint64_t{30}, kTasksPerChunk - 30));
}

TEST(ChunkTest, NoticesThatATaskLeftATerminalState) {
  ChunkState before;
  before.Set(7, 1, TaskState::kFailed, Tries(3, 3));
  ChunkState more;
  more.Set(7, 1, TaskState::kFailed, Tries(3, 3));
  more.Set(8, 1, TaskState::kSucceeded, Tries(1, 1));
  EXPECT_TRUE(more.KeepsTerminal(before));
  EXPECT_FALSE(before.KeepsTerminal(more));
  ChunkState other;
  other.Set(7, 1, TaskState::kSucceeded, Tries(3, 3));
  EXPECT_FALSE(other.KeepsTerminal(before));
  ChunkState later;
  later.Set(7, 1, TaskState::kFailed, Tries(4, 4));
  EXPECT_FALSE(later.KeepsTerminal(before));
}

TEST(ChunkTest, AgreesWithAPlainArray) {
  constexpr std::array kStates = {TaskState::kPending,   TaskState::kSucceeded,
                                  TaskState::kFailed,    TaskState::kTimedOut,
                                  TaskState::kCancelled, TaskState::kLost};
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    ChunkState chunk;
    std::array<std::pair<TaskState, TaskTries>, kTasksPerChunk> plain{};
    for (int step = 0; step < 60; ++step) {
      const uint64_t first = random.Below(kTasksPerChunk);
      const uint64_t most = random.Below(2) == 0 ? 8 : kTasksPerChunk;
      const uint64_t count =
          std::min(1 + random.Below(most), kTasksPerChunk - first);
      const TaskState state = kStates[random.Below(kStates.size())];
      TaskTries tries = TaskTries::Usual(state);
      if (random.Below(2) == 0) {
        tries = Tries(static_cast<uint32_t>(random.Below(3)), 2, 1,
                      static_cast<int64_t>(random.Below(2)) * 1'000'000'007);
      }
      chunk.Set(first, count, state, tries);
      for (uint64_t i = first; i < first + count; ++i) {
        plain[i] = {state, tries};
      }
    }
    const std::string bytes = chunk.Encode();
    const absl::StatusOr<ChunkState> decoded = ChunkState::Decode(bytes);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->Encode(), bytes);
    for (uint64_t i = 0; i < kTasksPerChunk; ++i) {
      ASSERT_EQ(chunk.state(i), plain[i].first) << seed << " " << i;
      ASSERT_EQ(chunk.tries(i), plain[i].second) << seed << " " << i;
      ASSERT_EQ(decoded->state(i), plain[i].first) << seed << " " << i;
      ASSERT_EQ(decoded->tries(i), plain[i].second) << seed << " " << i;
    }
    EXPECT_TRUE(decoded->KeepsTerminal(chunk));
  }
}

TEST(ChunkTest, DamagedBytesAreRefusedOrHarmless) {
  ChunkState chunk;
  chunk.Set(3, 400, TaskState::kSucceeded, Tries(2, 2, 1));
  chunk.Set(500, 2, TaskState::kPending, Tries(1, 1, 0, 99));
  const std::string bytes = chunk.Encode();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(ChunkState::Decode(bytes.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(ChunkState::Decode(bytes + "x").ok());
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = bytes;
    for (uint64_t flips = 1 + random.Below(3); flips > 0; --flips) {
      damaged[random.Below(damaged.size())] ^=
          static_cast<char>(1 << random.Below(8));
    }
    const absl::StatusOr<ChunkState> decoded = ChunkState::Decode(damaged);
    if (decoded.ok()) {
      EXPECT_TRUE(ChunkState::Decode(decoded->Encode()).ok());
    }
  }
}

}  // namespace
}  // namespace remuda

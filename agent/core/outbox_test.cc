#include "agent/core/outbox.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace remuda {
namespace {

using Span = Outbox::Span;

FencedRange Task(uint64_t task) {
  return {.job = {1}, .tasks = {task, 1}, .fence = {1}};
}

TEST(OutboxTest, TheWindowIsFilledAndRefilledByAcks) {
  Outbox outbox;
  for (uint64_t i = 1; i <= 12; ++i) EXPECT_EQ(outbox.Append({}, {Task(i)}), i);
  EXPECT_EQ(outbox.TakeSendable(), (Span{.first = 1, .last = 8}));
  EXPECT_EQ(outbox.TakeSendable(), std::nullopt);
  EXPECT_EQ(outbox.OnAck(3),
            (std::vector<FencedRange>{Task(1), Task(2), Task(3)}));
  EXPECT_EQ(outbox.TakeSendable(), (Span{.first = 9, .last = 11}));
  EXPECT_EQ(outbox.unacked(), 9u);
  EXPECT_EQ(outbox.in_flight(), 8u);
  EXPECT_EQ(outbox.ranges(), 9u);
}

TEST(OutboxTest, ANewSessionGetsEverythingAgain) {
  Outbox outbox;
  for (uint64_t i = 1; i <= 3; ++i) outbox.Append({}, {Task(i)});
  outbox.TakeSendable();
  outbox.OnAck(1);
  outbox.SendAgain();
  EXPECT_EQ(outbox.TakeSendable(), (Span{.first = 2, .last = 3}));
}

TEST(OutboxTest, AnAckOfWhatWasSentInAnEarlierSessionCounts) {
  Outbox outbox;
  for (uint64_t i = 1; i <= 3; ++i) outbox.Append({}, {Task(i)});
  outbox.TakeSendable();
  outbox.SendAgain();
  EXPECT_EQ(outbox.OnAck(3).size(), 3u);
  EXPECT_EQ(outbox.TakeSendable(), std::nullopt);
  EXPECT_EQ(outbox.unacked(), 0u);
}

TEST(OutboxTest, AnAckOfWhatWasNeverSentTakesNothingMore) {
  Outbox outbox;
  for (uint64_t i = 1; i <= 10; ++i) outbox.Append({}, {Task(i)});
  outbox.TakeSendable();
  EXPECT_EQ(outbox.OnAck(1'000'000).size(), Outbox::kWindow);
  EXPECT_EQ(outbox.unacked(), 2u);
  EXPECT_TRUE(outbox.OnAck(0).empty());
}

MonotonicTime At(int milliseconds) {
  return MonotonicTime(std::chrono::milliseconds(milliseconds));
}

TEST(OutboxTest, WhatWaitedLongEnoughIsKeptOnce) {
  Outbox outbox;
  EXPECT_EQ(outbox.unkept_since(), std::nullopt);
  for (int i = 1; i <= 4; ++i) outbox.Append(At(i), {});
  EXPECT_EQ(outbox.unkept_since(), At(1));
  EXPECT_EQ(outbox.TakeKeepable(At(0)), std::nullopt);
  EXPECT_EQ(outbox.TakeKeepable(At(2)), 2u);
  EXPECT_EQ(outbox.TakeKeepable(At(2)), std::nullopt);
  EXPECT_EQ(outbox.unkept_since(), At(3));
  outbox.TakeSendable();
  outbox.OnAck(3);
  EXPECT_EQ(outbox.unkept_since(), At(4));
  EXPECT_EQ(outbox.TakeKeepable(At(9)), 4u);
  EXPECT_EQ(outbox.unkept_since(), std::nullopt);
}

TEST(OutboxTest, GoesOnFromWhereAnEarlierProcessWas) {
  Outbox outbox;
  outbox.StartAt(41);
  EXPECT_EQ(outbox.Append({}, {Task(1)}), 41u);
  EXPECT_EQ(outbox.acked_up_to(), 40u);
  EXPECT_EQ(outbox.TakeSendable(), (Span{.first = 41, .last = 41}));
  EXPECT_EQ(outbox.OnAck(41), std::vector<FencedRange>{Task(1)});
}

TEST(OutboxTest, NothingIsLeftOfWhatWasDropped) {
  Outbox outbox;
  for (uint64_t i = 1; i <= 3; ++i) outbox.Append({}, {Task(i)});
  outbox.DropAll();
  EXPECT_EQ(outbox.unacked(), 0u);
  EXPECT_EQ(outbox.ranges(), 0u);
  EXPECT_EQ(outbox.acked_up_to(), 3u);
  EXPECT_EQ(outbox.TakeSendable(), std::nullopt);
  EXPECT_EQ(outbox.unkept_since(), std::nullopt);
  EXPECT_EQ(outbox.Append({}, {}), 4u);
}

}  // namespace
}  // namespace remuda

#include "executors/processes/report_queue.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>

#include "base/file_descriptor.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using Line = ReportQueue::Line;
using Of = ReportQueue::Of;

constexpr MonotonicTime kStart{std::chrono::hours(1)};

class ReportQueueTest : public testing::Test {
 protected:
  ReportQueueTest() : ends_(*MakeSocketPair()) {}

  void Send(MonotonicTime now, Line line) {
    EXPECT_TRUE(queue_.Send(ends_.first.get(), now, line));
  }

  // How many reports have arrived since the last call.
  size_t Arrived() {
    std::array<char, 4096> bytes;
    const ssize_t count =
        recv(ends_.second.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count <= 0) return 0;
    FrameCutter cutter;
    cutter.Add({bytes.data(), static_cast<size_t>(count)});
    size_t reports = 0;
    while (const auto body = cutter.Next()) {
      reports += ParseReports(*body)->size();
    }
    return reports;
  }

  FdPair ends_;
  ReportQueue queue_;
};

TEST_F(ReportQueueTest, EndsOfALineThatGoesOnLeaveTogether) {
  EXPECT_EQ(queue_.wait_milliseconds(), -1);
  queue_.Add(ProcessExited{.id = 1}, kStart, Of::kLine);
  Send(kStart, Line::kGoesOn);
  queue_.Add(ProcessExited{.id = 2}, kStart + milliseconds(2), Of::kLine);
  Send(kStart + milliseconds(2), Line::kGoesOn);
  EXPECT_EQ(Arrived(), 0u);
  EXPECT_EQ(queue_.wait_milliseconds(), ReportQueue::kPauseMilliseconds);
  Send(kStart + milliseconds(3), Line::kGoesOn);
  EXPECT_EQ(Arrived(), 2u);
  EXPECT_EQ(queue_.wait_milliseconds(), -1);
}

TEST_F(ReportQueueTest, ALineThatNeedsMoreTellsAtOnce) {
  queue_.Add(ProcessExited{.id = 1}, kStart, Of::kLine);
  Send(kStart, Line::kNeedsMore);
  EXPECT_EQ(Arrived(), 1u);
}

TEST_F(ReportQueueTest, WhatIsNotOfTheLineTakesAllAlong) {
  queue_.Add(ProcessExited{.id = 1}, kStart, Of::kLine);
  queue_.Add(ProcessExited{.id = 2}, kStart, Of::kOther);
  Send(kStart, Line::kGoesOn);
  EXPECT_EQ(Arrived(), 2u);
  queue_.Add(ProcessExited{.id = 3}, kStart, Of::kLine);
  queue_.Add(SpawnFailed{.id = 4});
  Send(kStart, Line::kGoesOn);
  EXPECT_EQ(Arrived(), 2u);
}

TEST_F(ReportQueueTest, KnowsThatTheAgentIsGone) {
  ends_.second.Reset();
  queue_.Add(SpawnFailed{.id = 1});
  EXPECT_FALSE(queue_.Send(ends_.first.get(), kStart, Line::kNeedsMore));
}

}  // namespace
}  // namespace remuda

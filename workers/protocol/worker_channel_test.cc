#include "workers/protocol/worker_channel.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remuda {
namespace {

TEST(WorkerChannelTest, FramesAreCutOutOfAnyPieces) {
  const std::string stream = WorkerFrame("one") + WorkerFrame("") +
                             WorkerFrame(std::string(70'000, 'x'));
  for (const size_t piece : {size_t{1}, size_t{3}, stream.size()}) {
    WorkerFrameCutter cutter;
    std::vector<std::string> bodies;
    for (size_t at = 0; at < stream.size(); at += piece) {
      cutter.Add(std::string_view(stream).substr(at, piece));
      while (const auto body = cutter.Next()) bodies.emplace_back(*body);
    }
    ASSERT_EQ(bodies.size(), 3u);
    EXPECT_EQ(bodies[0], "one");
    EXPECT_EQ(bodies[1], "");
    EXPECT_EQ(bodies[2].size(), 70'000u);
  }
}

TEST(WorkerChannelTest, ALengthBeyondTheLimitBreaksIt) {
  WorkerFrameCutter cutter;
  cutter.Add("\xff\xff\xff\xff");
  EXPECT_FALSE(cutter.Next().has_value());
  EXPECT_TRUE(cutter.broken());
}

}  // namespace
}  // namespace remuda

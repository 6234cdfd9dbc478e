#include "workers/native/result_batch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "workers/protocol/worker_channel.h"

namespace remuda {
namespace {

std::vector<std::string> Messages(const std::string& frames) {
  WorkerFrameCutter cutter;
  cutter.Add(frames);
  std::vector<std::string> messages;
  while (const auto body = cutter.Next()) messages.emplace_back(*body);
  return messages;
}

HandlerResult Output(const std::string& json) {
  HandlerResult result;
  result.output = json;
  return result;
}

TEST(ResultBatchTest, EndsThatAreAlikeAreOne) {
  ResultBatch batch;
  batch.Add(4, Output("1"), {.wall = Duration(10), .cpu = Duration(3)});
  batch.Add(5, Output("1"), {.wall = Duration(20), .cpu = Duration(4)});
  batch.Add(7, Output("1"), {.wall = Duration(1)});
  batch.Add(8, Failed("no"), {});
  batch.AddReturned(9);
  const auto messages = Messages(batch.Take());
  ASSERT_EQ(messages.size(), 1u);
  const std::string& text = messages[0];
  EXPECT_NE(text.find(R"({"id":"4","count":2,"ending":"succeeded",)"
                      R"("wall_ns":30,"cpu_ns":7,"output":"1"})"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"({"id":"7","count":1)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("ending":"error")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("ending":"returned")"), std::string::npos) << text;
  EXPECT_TRUE(batch.empty());
}

TEST(ResultBatchTest, WhatWaitedForAProcessorStandsAlone) {
  ResultBatch batch;
  batch.Add(1, Output("1"), {.run_queue = Duration(5)});
  batch.Add(2, Output("1"), {.run_queue = Duration(0)});
  batch.Add(3, Output("1"), {});
  batch.Add(4, Output("1"), {});
  const std::string frames = batch.Take();
  EXPECT_NE(frames.find(R"({"id":"1","count":1,"ending":"succeeded",)"
                        R"("wall_ns":0,"cpu_ns":0,"run_queue_ns":5)"),
            std::string::npos)
      << frames;
  EXPECT_NE(frames.find(R"("cpu_ns":0,"run_queue_ns":0)"), std::string::npos);
  EXPECT_NE(frames.find(R"({"id":"3","count":2)"), std::string::npos);
}

TEST(ResultBatchTest, WhatWaitedForItsTurnIsAddedUp) {
  ResultBatch batch;
  batch.Add(1, Output("1"), {.loop_wait = Duration(5)});
  batch.Add(2, Output("1"), {.loop_wait = Duration(6)});
  batch.Add(3, Output("1"), {});
  const std::string frames = batch.Take();
  EXPECT_NE(frames.find(R"({"id":"1","count":2,"ending":"succeeded",)"
                        R"("wall_ns":0,"cpu_ns":0,"loop_wait_ns":11)"),
            std::string::npos)
      << frames;
  EXPECT_NE(frames.find(R"({"id":"3","count":1)"), std::string::npos);
}

// Of tasks on a loop both are parts of a sum; one without stands alone.
TEST(ResultBatchTest, OnALoopWhatWaitedForAProcessorIsAddedUpToo) {
  ResultBatch batch;
  batch.Add(1, Output("1"), {.loop_wait = Duration(5)});
  for (uint64_t number : {2, 3}) {
    batch.Add(number, Output("1"),
              {.run_queue = Duration(2), .loop_wait = Duration(6)});
  }
  const std::string frames = batch.Take();
  EXPECT_NE(frames.find(R"("cpu_ns":0,"loop_wait_ns":5)"), std::string::npos)
      << frames;
  EXPECT_NE(frames.find(R"("run_queue_ns":4,"loop_wait_ns":12)"),
            std::string::npos)
      << frames;
}

TEST(ResultBatchTest, TimeOfAllIsSharedOut) {
  ResultBatch batch;
  batch.Add(1, Output("1"), {});
  batch.Add(2, Output("2"), {});
  const std::string frames = batch.Take(Duration(100));
  EXPECT_NE(frames.find("\"cpu_ns\":50"), std::string::npos);
}

TEST(ResultBatchTest, NoMessageIsTooLong) {
  const std::string large = "\"" + std::string(size_t{7} << 20, 'x') + "\"";
  ResultBatch batch;
  for (uint64_t i = 1; i <= 12; ++i) {
    batch.Add(i, Output(large.substr(0, large.size() - i) + "\""), {});
  }
  size_t ends = 0;
  for (const std::string& message : Messages(batch.Take())) {
    EXPECT_LT(message.size(), kWorkerFrameBytesMax / 2);
    for (size_t at = message.find("\"id\""); at != message.npos;
         at = message.find("\"id\"", at + 1)) {
      ++ends;
    }
  }
  EXPECT_EQ(ends, 12u);
}

}  // namespace
}  // namespace remuda

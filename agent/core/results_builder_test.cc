#include "agent/core/results_builder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remuda {
namespace {

AttemptRecord Record(TaskIndex task, Ending ending = Ending::kSucceeded,
                     uint32_t fence = 1) {
  return {.task = task, .fence = {fence}, .ending = ending};
}

TEST(ResultsBuilderTest, NeighboursThatEndedAlikeAreOneRun) {
  ResultsBuilder builder;
  for (TaskIndex task : {3, 1, 2, 0, 5}) {
    builder.Add(ExecutorKind::kAsync, {1}, Record(task));
  }
  builder.Add(ExecutorKind::kAsync, {1}, Record(4, Ending::kError));
  const std::vector<ResultsBuilder::Message> messages = builder.Take();
  ASSERT_EQ(messages.size(), 1u);
  ASSERT_EQ(messages[0].batches.size(), 1u);
  const std::vector<EndingRun>& runs = messages[0].batches[0].runs;
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].tasks, (IndexRange{.first = 0, .count = 4}));
  EXPECT_EQ(runs[1].ending, Ending::kError);
  EXPECT_EQ(runs[2].tasks, (IndexRange{.first = 5, .count = 1}));
  EXPECT_EQ(messages[0].settles.size(), 3u);
  EXPECT_TRUE(builder.empty());
  const auto records = DecodeAttemptRecords(messages[0].batches[0].records);
  ASSERT_TRUE(records.ok());
  EXPECT_EQ(records->size(), 6u);
}

TEST(ResultsBuilderTest, ABatchIsOfOneChunkJobAndExecutor) {
  ResultsBuilder builder;
  builder.Add(ExecutorKind::kAsync, {1}, Record(1023));
  builder.Add(ExecutorKind::kAsync, {1}, Record(1024));
  builder.Add(ExecutorKind::kAsync, {2}, Record(0));
  builder.Add(ExecutorKind::kThreadPool, {2}, Record(1));
  EXPECT_EQ(builder.batches(), 4u);
  EXPECT_EQ(builder.Take()[0].batches.size(), 4u);
}

TEST(ResultsBuilderTest, ARangeThatNeverStartedIsCutAtTheChunks) {
  ResultsBuilder builder;
  builder.AddNotStarted(ExecutorKind::kAsync,
                        {.job = {1}, .tasks = {1000, 2000}, .fence = {1}},
                        Ending::kEvicted);
  const std::vector<ResultsBuilder::Message> messages = builder.Take();
  ASSERT_EQ(messages.size(), 1u);
  uint64_t tasks = 0;
  for (const EndedBatch& batch : messages[0].batches) {
    ASSERT_EQ(batch.runs.size(), 1u);
    const EndingRun& run = batch.runs[0];
    EXPECT_FALSE(run.started);
    EXPECT_EQ(ChunkOf(run.tasks.first),
              ChunkOf(run.tasks.first + run.tasks.count - 1));
    EXPECT_TRUE(batch.records.empty());
    tasks += run.tasks.count;
  }
  EXPECT_EQ(tasks, 2000u);
}

TEST(ResultsBuilderTest, TwoAttemptsOfOneTaskAreInDifferentBatches) {
  ResultsBuilder builder;
  builder.Add(ExecutorKind::kAsync, {1}, Record(1, Ending::kEvicted, 1));
  builder.Add(ExecutorKind::kAsync, {1}, Record(0));
  builder.Add(ExecutorKind::kAsync, {1}, Record(1, Ending::kSucceeded, 2));
  const std::vector<ResultsBuilder::Message> messages = builder.Take();
  ASSERT_EQ(messages.size(), 1u);
  ASSERT_EQ(messages[0].batches.size(), 2u);
  EXPECT_EQ(messages[0].batches[0].runs.size(), 2u);
  EXPECT_EQ(messages[0].batches[1].runs[0].fence, Fence{2});
}

TEST(ResultsBuilderTest, AMessageStaysUnderItsSize) {
  ResultsBuilder builder;
  for (TaskIndex task = 0; task < 40; ++task) {
    AttemptRecord record = Record(task);
    record.output = std::string(60'000, 'x');
    builder.Add(ExecutorKind::kAsync, {1}, record);
  }
  EXPECT_GT(builder.bytes(), 2'400'000u);
  uint64_t tasks = 0;
  for (const ResultsBuilder::Message& message : builder.Take()) {
    size_t bytes = 0;
    for (const EndedBatch& batch : message.batches) {
      bytes += batch.records.size();
      for (const EndingRun& run : batch.runs) tasks += run.tasks.count;
    }
    EXPECT_LE(bytes, ResultsBuilder::kMessageBytesMax);
    EXPECT_GT(bytes, 0u);
  }
  EXPECT_EQ(tasks, 40u);
  EXPECT_EQ(builder.bytes(), 0u);
}

TEST(ResultsBuilderTest, TheLargestOutputsFitOneMessageEach) {
  ResultsBuilder builder;
  for (TaskIndex task = 0; task < 4; ++task) {
    AttemptRecord record = Record(task);
    record.output = std::string(ResultsBuilder::kOutputBytesMax, 'x');
    builder.Add(ExecutorKind::kAsync, {1}, record);
  }
  EXPECT_EQ(builder.Take().size(), 4u);
}

TEST(ResultsBuilderTest, ALongErrorIsCutBetweenCharacters) {
  ResultsBuilder builder;
  AttemptRecord record = Record(0, Ending::kError);
  // Two bytes a character, after one of one byte.
  record.error = "x";
  while (record.error.size() < 2 * ResultsBuilder::kErrorBytesMax) {
    record.error += "\u00e9";
  }
  builder.Add(ExecutorKind::kAsync, {1}, record);
  const auto records =
      DecodeAttemptRecords(builder.Take()[0].batches[0].records);
  ASSERT_TRUE(records.ok());
  const std::string& error = (*records)[0].error;
  EXPECT_LE(error.size(), ResultsBuilder::kErrorBytesMax + 6);
  EXPECT_EQ(error.substr(error.size() - 8), "\u00e9 [cut]");
}

}  // namespace
}  // namespace remuda

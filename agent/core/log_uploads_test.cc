#include "agent/core/log_uploads.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace remuda {
namespace {

LogRead Answer(const ReadLog& read, std::string bytes, bool is_end) {
  return {.attempt = read.attempt,
          .stream = read.stream,
          .offset = read.offset,
          .bytes = std::move(bytes),
          .is_end = is_end};
}

TEST(LogUploadsTest, ReadsBothStreamsInPiecesOneAtATime) {
  LogUploads uploads;
  uploads.Add(ExecutorKind::kAsync, {1}, {.task = 7, .fence = {2}}, "/f");
  std::optional<ReadLog> read = uploads.TakeRead();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->folder, "/f");
  EXPECT_EQ(read->bytes_max, LogUploads::kPieceBytes);
  EXPECT_FALSE(uploads.TakeRead().has_value());

  std::optional<LogChunk> chunk = uploads.OnRead(Answer(*read, "abc", false));
  ASSERT_TRUE(chunk.has_value());
  EXPECT_EQ(chunk->attempt, (AttemptId{.job = {1}, .task = 7, .fence = {2}}));
  read = uploads.TakeRead();
  EXPECT_EQ(read->offset, 3u);
  EXPECT_FALSE(uploads.OnRead(Answer(*read, "", true)).has_value());
  read = uploads.TakeRead();
  EXPECT_EQ(read->stream, 2);
  EXPECT_EQ(read->offset, 0u);
  EXPECT_TRUE(uploads.TakeFinished().empty());
  EXPECT_TRUE(uploads.OnRead(Answer(*read, "e", true)).has_value());
  EXPECT_EQ(uploads.TakeFinished().size(), 1u);
  EXPECT_TRUE(uploads.empty());
}

TEST(LogUploadsTest, AnAnswerNobodyWaitsForIsIgnored) {
  LogUploads uploads;
  EXPECT_FALSE(uploads.OnRead({.bytes = "x"}).has_value());
  uploads.Add(ExecutorKind::kAsync, {1}, {.task = 7, .fence = {2}}, "/f");
  LogRead wrong = Answer(*uploads.TakeRead(), "x", false);
  wrong.offset = 5;
  EXPECT_FALSE(uploads.OnRead(wrong).has_value());
}

TEST(LogUploadsTest, TheLastPieceEndsAtTheCap) {
  LogUploads uploads;
  uploads.Add(ExecutorKind::kAsync, {1}, {.task = 7, .fence = {2}}, "/f");
  uint64_t bytes = 0;
  while (true) {
    const ReadLog read = *uploads.TakeRead();
    if (read.stream == 2) break;
    uploads.OnRead(Answer(read, std::string(read.bytes_max, 'x'), false));
    bytes += read.bytes_max;
  }
  EXPECT_EQ(bytes, LogUploads::kStreamBytesMax);
}

}  // namespace
}  // namespace remuda

#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace remuda {
namespace {

using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

TEST(LogTest, WritesJsonLinesOfTheLevelAndAbove) {
  ConfigureLog({.component = "agent", .level = LogLevel::kWarning});
  EXPECT_FALSE(LogEnabled(LogLevel::kInfo));
  EXPECT_TRUE(LogEnabled(LogLevel::kError));
  CaptureStderr();
  Log(LogLevel::kInfo, "quiet", "Not written.");
  Log(LogLevel::kError, "loud", "Is {written} as it is.", {{"n", 1}});
  const std::string written = GetCapturedStderr();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 1);
  EXPECT_THAT(written,
              HasSubstr(R"("level":"error","component":"agent","event":"loud",)"
                        R"("message":"Is {written} as it is.","n":1})"
                        "\n"));
}

TEST(LogTest, WritesTextWhenAsked) {
  ConfigureLog({.component = "cli", .format = LogOptions::Format::kText});
  CaptureStderr();
  Log(LogLevel::kInfo, "started", "Ready.", {{"port", 80}});
  EXPECT_THAT(GetCapturedStderr(),
              HasSubstr(" info    cli started: Ready. port=80\n"));
}

TEST(LogTest, LinesFromManyThreadsStayWhole) {
  ConfigureLog({.component = "c", .format = LogOptions::Format::kJson});
  CaptureStderr();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 100; ++j) Log(LogLevel::kInfo, "e", "m");
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string written = GetCapturedStderr();
  size_t lines = 0;
  for (size_t at = 0; at < written.size(); ++lines) {
    const size_t end = written.find('\n', at);
    ASSERT_EQ(written[at], '{');
    ASSERT_EQ(written[end - 1], '}');
    at = end + 1;
  }
  EXPECT_EQ(lines, 400u);
}

}  // namespace
}  // namespace remuda

#include "cli/program_output.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::seconds;

absl::StatusOr<std::string> Shell(const std::string& script,
                                  Duration time_max = seconds(60),
                                  size_t bytes_max = 1'000) {
  return OutputOf(
      {.program = "sh", .script = script, .arguments = {"one", "two words"}},
      time_max, bytes_max);
}

TEST(ProgramOutputTest, IsWhatTheScriptPrints) {
  const auto text = Shell("echo \"$2\"; echo lost >&2; cat; env | wc -l");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_TRUE(text->starts_with("two words\n")) << *text;
}

TEST(ProgramOutputTest, TheEnvironmentStaysBehind) {
  setenv("REMUDA_TEST_SECRET", "x", 1);
  EXPECT_EQ(*Shell("echo \"[$REMUDA_TEST_SECRET]\""), "[]\n");
}

TEST(ProgramOutputTest, ItEndsWithItsTime) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      Shell("exec sleep 1000", std::chrono::milliseconds(50)).status()));
}

TEST(ProgramOutputTest, SoMuchIsReadAndNoMore) {
  EXPECT_TRUE(absl::IsResourceExhausted(Shell("yes").status()));
}

TEST(ProgramOutputTest, AProgramThatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(
      OutputOf({.program = "no-such-program-here"}, seconds(60), 10).status()));
}

}  // namespace
}  // namespace remuda

#include "cli/words.h"

#include "gtest/gtest.h"

namespace remuda {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(CountTextTest, GroupsByThousands) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1000), "1,000");
  EXPECT_EQ(CountText(1234567), "1,234,567");
}

TEST(DurationTextTest, PicksTheUnitThatReadsBest) {
  EXPECT_EQ(ElapsedText(std::chrono::microseconds(300)), "0.3 ms");
  EXPECT_EQ(ElapsedText(milliseconds(85)), "85 ms");
  EXPECT_EQ(ElapsedText(milliseconds(3400)), "3.4 s");
  EXPECT_EQ(ElapsedText(milliseconds(59'990)), "1 min 00 s");
  EXPECT_EQ(ElapsedText(seconds(125)), "2 min 05 s");
  EXPECT_EQ(ElapsedText(hours(1) + minutes(2)), "1 h 02 min");
}

TEST(SafeTextTest, ShowsWhatWouldSteerATerminal) {
  EXPECT_EQ(SafeText("a\x1b[31mb", 80), "a\\x1b[31mb");
  EXPECT_EQ(SafeText("one\ntwo\tthree", 80), "one two three");
  EXPECT_EQ(SafeText("\xc2\x9b", 80), "\\xc2\\x9b");
  EXPECT_EQ(SafeText("caf\xc3\xa9", 80), "caf\xc3\xa9");
  EXPECT_EQ(SafeText("\xff", 80), "\\xff");
}

TEST(SafeTextTest, CutsAtCharactersNotBytes) {
  EXPECT_EQ(SafeText("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xc3\xa9…");
  EXPECT_EQ(SafeText("abc", 3), "abc");
}

TEST(SafeLinesTest, KeepsLinesAndTabs) {
  EXPECT_EQ(SafeLines("a\n\tb\r"), "a\n\tb\\x0d");
}

}  // namespace
}  // namespace remuda

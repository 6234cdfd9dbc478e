#include "jobs/duration_text.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(DurationTextTest, ReadsUnitsAndCombinations) {
  EXPECT_EQ(ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(ParseDuration("30s"), seconds(30));
  EXPECT_EQ(ParseDuration("5m"), minutes(5));
  EXPECT_EQ(ParseDuration("2h"), hours(2));
  EXPECT_EQ(ParseDuration("1d"), hours(24));
  EXPECT_EQ(ParseDuration("1h30m"), minutes(90));
  EXPECT_EQ(ParseDuration("1d2h3m4s5ms6us7ns"),
            hours(26) + minutes(3) + seconds(4) + nanoseconds(5'006'007));
  EXPECT_EQ(ParseDuration("0.1s"), milliseconds(100));
  EXPECT_EQ(ParseDuration("1.5h"), minutes(90));
  EXPECT_EQ(ParseDuration("0s"), seconds(0));
  EXPECT_EQ(ParseDuration("0.3333333333333333333333d"),
            nanoseconds(28'799'999'971'200));
}

TEST(DurationTextTest, RefusesAllElse) {
  for (const char* text :
       {"", "30", "s", "30 s", "-5s", "+5s", "5x", "1m1h", "1s1s", "1.s", ".5s",
        "1e3s", "5S", "3651d", "99999999999999999999s", "1h30"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(DurationTextTest, WritesWhatItReads) {
  EXPECT_EQ(DurationText(minutes(90)), "1h30m");
  EXPECT_EQ(DurationText(seconds(0)), "0s");
  EXPECT_EQ(DurationText(-milliseconds(1500)), "-1s500ms");
  for (const int64_t count :
       {1LL, 999LL, 1'000'000'007LL, 86'400'123'456'789LL}) {
    EXPECT_EQ(ParseDuration(DurationText(Duration(count))), Duration(count));
  }
}

}  // namespace
}  // namespace remuda

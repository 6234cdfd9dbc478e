#include "base/log_line.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace remuda {
namespace {

// 2024-02-29 12:00:00.000123 UTC.
constexpr WallTime kLeapDay{std::chrono::seconds(1'709'208'000) +
                            std::chrono::microseconds(123)};

std::string Json(std::initializer_list<LogField> fields) {
  const std::string json = LogLineJson({.time = kLeapDay,
                                        .level = LogLevel::kWarning,
                                        .component = "agent",
                                        .event = "e",
                                        .message = "m",
                                        .fields = fields});
  const std::string head =
      R"({"time":"2024-02-29T12:00:00.000123Z","level":"warning",)"
      R"("component":"agent","event":"e","message":"m")";
  EXPECT_EQ(json.substr(0, head.size()), head);
  return json.substr(head.size());
}

TEST(LogLineTest, WritesEachTypeOfValue) {
  const std::string owned = "owned";
  EXPECT_EQ(Json({}), "}");
  EXPECT_EQ(Json({{"text", "x"},
                  {"owned", owned},
                  {"number", -7},
                  {"size", size_t{18'446'744'073'709'551'615u}},
                  {"ratio", 0.5},
                  {"on", true}}),
            R"(,"text":"x","owned":"owned","number":-7,)"
            R"("size":18446744073709551615,"ratio":0.5,"on":true})");
}

TEST(LogLineTest, NotANumberIsNull) {
  EXPECT_EQ(Json({{"x", std::nan("")}, {"y", INFINITY}}),
            R"(,"x":null,"y":null})");
}

TEST(LogLineTest, EscapesWhatWouldBreakTheLineOrTheTerminal) {
  EXPECT_EQ(Json({{"x", "a\"b\\c\nd\x1b[31m\x7f\xc2\x9bz"}}),
            R"(,"x":"a\"b\\c\nd\u001b[31m\u007f\u009bz"})");
  EXPECT_EQ(Json({{"x", std::string("\0", 1)}}), R"(,"x":"\u0000"})");
  EXPECT_EQ(Json({{"k\n", 1}}), R"(,"k\n":1})");
}

TEST(LogLineTest, KeepsUtf8AndReplacesTheRest) {
  EXPECT_EQ(Json({{"x", "Grüße €\U0001f600"}}),
            ",\"x\":\"Grüße €\U0001f600\"}");
  // A lone continuation, a cut sequence, an overlong one, a surrogate.
  EXPECT_EQ(Json({{"x", "\x80|\xe2\x82"}}), ",\"x\":\"\ufffd|\ufffd\ufffd\"}");
  EXPECT_EQ(Json({{"x", "\xc0\xaf|\xed\xa0\x80"}}),
            ",\"x\":\"\ufffd\ufffd|\ufffd\ufffd\ufffd\"}");
}

TEST(LogLineTest, CutsLongTexts) {
  const std::string json =
      Json({{"x", std::string(kLogTextBytesMax + 1, 'a')}});
  EXPECT_EQ(json, ",\"x\":\"" + std::string(kLogTextBytesMax, 'a') + "…\"}");
}

TEST(LogLineTest, TextIsForPeople) {
  EXPECT_EQ(LogLineText({.time = kLeapDay,
                         .level = LogLevel::kInfo,
                         .component = "agent",
                         .event = "started",
                         .message = "The agent is ready.",
                         .fields = {{"slots", 4},
                                    {"name", "a b"},
                                    {"empty", ""},
                                    {"path", "/tmp/x"},
                                    {"bad", "\x1b[2J"}}}),
            "12:00:00.000 info    agent started: The agent is ready. "
            R"(slots=4 name="a b" empty="" path=/tmp/x bad="\u001b[2J")");
}

TEST(LogLineTest, TimesBeforeTheEpochAreRoundedDown) {
  EXPECT_EQ(Rfc3339Micros(WallTime(std::chrono::nanoseconds(-1))),
            "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(Rfc3339Micros(WallTime()), "1970-01-01T00:00:00.000000Z");
}

}  // namespace
}  // namespace remuda

#include "base/json_string.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/random.h"

namespace remuda {
namespace {

std::string Written(const std::string& text) {
  std::string written = "before ";
  AppendJsonString(written, text);
  return written;
}

TEST(JsonStringTest, NothingIsTwoQuotes) {
  EXPECT_EQ(Written(""), "before \"\"");
}

TEST(JsonStringTest, WhatIsPlainStands) {
  EXPECT_EQ(Written("<b>h\xc3\xbcte</b> \xf0\x9f\x90\x8e \x7f"),
            "before \"<b>h\xc3\xbcte</b> \xf0\x9f\x90\x8e \x7f\"");
}

TEST(JsonStringTest, WhatJsonAsksForIsEscaped) {
  EXPECT_EQ(Written(std::string("\0\x1f\"\\\n/", 6)),
            R"(before "\u0000\u001f\"\\\n/")");
}

TEST(JsonStringTest, ItIsWhatTheLibraryWrites) {
  Random random(7);
  for (int i = 0; i < 2'000; ++i) {
    std::string text;
    while (random.Below(20) > 0) {
      if (random.Below(10) == 0) text += "\xe2\x82\xac";
      text += static_cast<char>(random.Below(0x80));
    }
    EXPECT_EQ(Written(text), "before " + nlohmann::json(text).dump());
  }
}

}  // namespace
}  // namespace remuda

#include "coordinator/store/body_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace remuda {
namespace {

using nlohmann::json;

TEST(BodyTextTest, NothingIsAnEmptyObject) {
  EXPECT_EQ(BodyText().Take(), "{}");
}

TEST(BodyTextTest, MembersStandInTheOrderOfWriting) {
  EXPECT_EQ(BodyText()
                .Int("count", 7u)
                .Text("name", "noop")
                .Bool("charged", true)
                .Bool("other", false)
                .Json("runs", "[1,[2]]")
                .Take(),
            R"({"count":7,"name":"noop","charged":true,"other":false,)"
            R"("runs":[1,[2]]})");
}

TEST(BodyTextTest, NumbersKeepAllTheirDigits) {
  const json read =
      json::parse(BodyText()
                      .Int("most", std::numeric_limits<uint64_t>::max())
                      .Int("least", std::numeric_limits<int64_t>::min())
                      .Take());
  EXPECT_EQ(read["most"], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(read["least"], std::numeric_limits<int64_t>::min());
}

// Whatever a library would read comes back, whichever way it was written.
TEST(BodyTextTest, TextComesBackByteForByte) {
  for (const std::string& text :
       {std::string(), std::string(R"("\)"), std::string(R"({"a":"b\\c"})"),
        std::string("\\\\\"\""), std::string("tab\tline\n"),
        std::string("\0\x1f\x7f", 3),
        std::string("h\xc3\xbcte \xf0\x9f\x90\x8e"),
        std::string("all \"quoted\" at \"the end\"")}) {
    const std::string body = BodyText().Text("text", text).Take();
    EXPECT_EQ(json::parse(body)["text"], text) << body;
  }
}

TEST(BodyTextTest, BytesThatAreNoTextAreReplaced) {
  const std::string body = BodyText()
                               .Text("text",
                                     "a\xff"
                                     "b")
                               .Take();
  EXPECT_EQ(json::parse(body)["text"],
            "a\xef\xbf\xbd"
            "b");
}

}  // namespace
}  // namespace remuda

#include "jobs/json_text.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(JsonTextTest, StringsAreEscapedAsJsonAsks) {
  EXPECT_EQ(JsonString("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(JsonString("\n\t\r\b\f\x01\x1f"), R"("\n\t\r\b\f\u0001\u001f")");
  EXPECT_EQ(JsonString("é/€"), "\"é/€\"");
  EXPECT_EQ(*CanonicalJson(JsonString("\x02 é \x7f")),
            JsonString("\x02 é \x7f"));
}

TEST(JsonTextTest, Utf8EndsAtTheFirstBadByte) {
  EXPECT_EQ(ValidUtf8Prefix(""), 0u);
  EXPECT_EQ(ValidUtf8Prefix("aé€😀"), 10u);
  EXPECT_EQ(ValidUtf8Prefix("ab\xff"), 2u);
  EXPECT_EQ(ValidUtf8Prefix("a\xc0\x80"), 1u);         // overlong
  EXPECT_EQ(ValidUtf8Prefix("\xe0\x80\x80"), 0u);      // overlong
  EXPECT_EQ(ValidUtf8Prefix("\xed\xa0\x80"), 0u);      // surrogate
  EXPECT_EQ(ValidUtf8Prefix("\xf4\x90\x80\x80"), 0u);  // over U+10FFFF
  EXPECT_EQ(ValidUtf8Prefix("ok\xe2\x82"), 2u);        // cut off
  EXPECT_EQ(ValidUtf8Prefix("\x80"), 0u);
}

TEST(JsonTextTest, OneValueWithinTheDepth) {
  EXPECT_TRUE(IsJson("null"));
  EXPECT_TRUE(IsJson(R"({"a":[1,2.5,"x",true]})"));
  EXPECT_FALSE(IsJson(""));
  EXPECT_FALSE(IsJson("1 2"));
  EXPECT_FALSE(IsJson("{'a':1}"));
  EXPECT_FALSE(IsJson("1e999"));
  EXPECT_FALSE(IsJson("NaN"));
  EXPECT_FALSE(IsJson("\"\xff\""));
  EXPECT_FALSE(IsJson(std::string("1\0,\"x\":2", 8)));
  EXPECT_FALSE(IsJson(std::string("1\0", 2)));
  EXPECT_FALSE(
      IsJson("\xEF\xBB\xBF"
             "1"));
  EXPECT_TRUE(IsJson(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(IsJson(std::string(65, '[') + std::string(65, ']')));
  EXPECT_FALSE(IsJson(std::string(1'000'000, '[')));
}

TEST(JsonTextTest, CanonicalTextIsTheSameForTheSameValue) {
  EXPECT_EQ(*CanonicalJson(R"({ "b": 1, "a": [ 1.50 ] })"),
            R"({"a":[1.5],"b":1})");
  EXPECT_FALSE(CanonicalJson("{").ok());
}

TEST(JsonTextTest, AMemberIsTextOfItsOwn) {
  EXPECT_EQ(JsonMember(R"({"a":"x","b":[1, 2]})", "a"), R"("x")");
  EXPECT_EQ(JsonMember(R"({"a":"x","b":[1, 2]})", "b"), "[1,2]");
  EXPECT_EQ(JsonMember(R"({"a":"x"})", "b"), std::nullopt);
  EXPECT_EQ(JsonMember("[1]", "a"), std::nullopt);
  EXPECT_EQ(JsonMember("{", "a"), std::nullopt);
}

}  // namespace
}  // namespace remuda

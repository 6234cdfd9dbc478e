#include "jobs/yaml_scalar.h"

#include <gtest/gtest.h>

#include "jobs/json_text.h"

namespace remuda {
namespace {

using Type = YamlScalar::Type;

YamlScalar Plain(const std::string& text) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.text = text;
  return ReadScalar(node);
}

void ExpectJson(const std::string& text, Type type, const std::string& json) {
  EXPECT_EQ(Plain(text).type, type) << text;
  EXPECT_EQ(Plain(text).json, json) << text;
}

TEST(YamlScalarTest, TheCoreSchema) {
  ExpectJson("~", Type::kNull, "null");
  ExpectJson("null", Type::kNull, "null");
  ExpectJson("True", Type::kBool, "true");
  ExpectJson("no", Type::kText, "\"no\"");
  ExpectJson("on", Type::kText, "\"on\"");
  ExpectJson("12", Type::kInteger, "12");
  ExpectJson("-0012", Type::kInteger, "-12");
  ExpectJson("+5", Type::kInteger, "5");
  ExpectJson("0x1F", Type::kInteger, "31");
  ExpectJson("0o17", Type::kInteger, "15");
  ExpectJson("-0x1F", Type::kText, "\"-0x1F\"");
  ExpectJson("1.0", Type::kNumber, "1.0");
  ExpectJson("-.5", Type::kNumber, "-0.5");
  ExpectJson("1e3", Type::kNumber, "1000.0");
  ExpectJson("1.", Type::kNumber, "1.0");
  ExpectJson(".", Type::kText, "\".\"");
  ExpectJson("1.2.3", Type::kText, "\"1.2.3\"");
  ExpectJson("1e", Type::kText, "\"1e\"");
  ExpectJson("-", Type::kText, "\"-\"");
  ExpectJson("12:30", Type::kText, "\"12:30\"");
  ExpectJson("1_000", Type::kText, "\"1_000\"");
}

TEST(YamlScalarTest, Extremes) {
  ExpectJson("9223372036854775807", Type::kInteger, "9223372036854775807");
  ExpectJson("-9223372036854775808", Type::kInteger, "-9223372036854775808");
  ExpectJson("18446744073709551615", Type::kInteger, "18446744073709551615");
  EXPECT_TRUE(Plain("9223372036854775808").is_large);
  ExpectJson("18446744073709551616", Type::kTooLarge, "");
  ExpectJson("-9223372036854775809", Type::kTooLarge, "");
  ExpectJson("1e400", Type::kTooLarge, "");
  ExpectJson("-.inf", Type::kNotFinite, "");
  ExpectJson(".nan", Type::kNotFinite, "");
}

TEST(YamlScalarTest, NumbersAreJson) {
  for (const char* text : {"1e300", "1.5e-7", "123456789.125", "0.1", "1e22"}) {
    const YamlScalar scalar = Plain(text);
    EXPECT_TRUE(IsJson(scalar.json)) << scalar.json;
    EXPECT_EQ(std::stod(scalar.json), std::stod(text));
  }
}

TEST(YamlScalarTest, QuotesMakeText) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.quoted = true;
  node.text = "12";
  EXPECT_EQ(ReadScalar(node).json, "\"12\"");
  node.text = "";
  EXPECT_EQ(ReadScalar(node).type, Type::kText);
  EXPECT_EQ(ReadScalar(YamlNode()).type, Type::kNull);
}

}  // namespace
}  // namespace remuda

#include "jobs/parameters.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

std::string Rendered(const std::string& with, const std::string& item,
                     TaskIndex index = 0) {
  const auto parsed = ParameterTemplate::Parse(with);
  if (!parsed.ok()) return "Parse: " + std::string(parsed.status().message());
  const auto text = parsed->Render(item, index);
  if (!text.ok()) return "Render: " + std::string(text.status().message());
  return *text;
}

TEST(ParameterTemplateTest, WholeTemplatesKeepTheType) {
  EXPECT_EQ(Rendered(R"({"a":"{{item}}"})", "5"), R"({"a":5})");
  EXPECT_EQ(Rendered(R"({"a":"{{ item }}"})", "\"x\""), R"({"a":"x"})");
  EXPECT_EQ(Rendered(R"({"a":"{{item}}"})", R"([1,{"b":null}])"),
            R"({"a":[1,{"b":null}]})");
  EXPECT_EQ(Rendered(R"({"a":"{{index}}"})", "null", 41), R"({"a":41})");
  EXPECT_EQ(Rendered(R"({"a":["{{item.n}}"]})", R"({"n":2.5})"),
            R"({"a":[2.5]})");
}

TEST(ParameterTemplateTest, InsideTextEverythingBecomesText) {
  EXPECT_EQ(Rendered(R"({"a":"no. {{item}}/{{index}}"})", "5", 7),
            R"({"a":"no. 5/7"})");
  EXPECT_EQ(Rendered(R"({"a":"<{{item}}>"})", R"("q\"\n")"),
            R"({"a":"<q\"\n>"})");
  EXPECT_EQ(Rendered(R"({"a":"<{{item}}>"})", R"({"k":"v"})"),
            R"({"a":"<{\"k\":\"v\"}>"})");
  EXPECT_EQ(Rendered(R"({"a":"-{{item}}-"})", "null"), R"({"a":"-null-"})");
}

TEST(ParameterTemplateTest, MembersColumnsAndPositions) {
  const std::string item = R"({"name":"x","size":[3,4],"a.b":true})";
  EXPECT_EQ(Rendered(R"({"p":"{{name}}.png"})", item), R"({"p":"x.png"})");
  EXPECT_EQ(Rendered(R"({"p":"{{item.size.1}}"})", item), R"({"p":4})");
  EXPECT_EQ(Rendered(R"({"p":"{{a.b}}"})", item), R"({"p":true})");
  EXPECT_EQ(Rendered(R"({"p":"{{item.size.2}}"})", item),
            "Render: the item has no value for {{item.size.2}}");
  EXPECT_EQ(Rendered(R"({"p":"{{colour}}"})", item),
            "Render: the item has no value for {{colour}}");
  EXPECT_EQ(Rendered(R"({"p":"{{item.x}}"})", "\"text\""),
            "Render: the item has no value for {{item.x}}");
}

TEST(ParameterTemplateTest, TellsWhichMembersItNames) {
  const auto parsed = ParameterTemplate::Parse(
      R"({"a":"{{item}} {{item.x.y}}","b":["{{q\"z}}"]})");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->MemberPaths(),
            (std::vector<std::vector<std::string>>{{"x", "y"}, {"q\"z"}}));
}

TEST(ParameterTemplateTest, EscapedBracesMeanThemselves) {
  EXPECT_EQ(Rendered(R"({"a":"\\{{item}}"})", "1"), R"({"a":"{{item}}"})");
  EXPECT_EQ(Rendered(R"({"a":"\\{{x}} {{item}}"})", "1"), R"({"a":"{{x}} 1"})");
}

TEST(ParameterTemplateTest, ConstantsCostNothing) {
  const auto parsed = ParameterTemplate::Parse(R"({"b":[1,"x"],"a":{}})");
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->is_constant());
  EXPECT_EQ(*parsed->Render("not even JSON", 0), R"({"a":{},"b":[1,"x"]})");
  EXPECT_EQ(*ParameterTemplate().Render("null", 0), "{}");
  EXPECT_FALSE(ParameterTemplate::Parse(R"({"a":"{{index}}"})")->is_constant());
}

TEST(ParameterTemplateTest, MalformedInputIsRefused) {
  EXPECT_FALSE(ParameterTemplate::Parse("{").ok());
  EXPECT_FALSE(ParameterTemplate::Parse("[1]").ok());
  EXPECT_FALSE(ParameterTemplate::Parse(R"({"a":"{{item"})").ok());
  EXPECT_FALSE(ParameterTemplate::Parse(R"({"a":"{{}}"})").ok());
  EXPECT_FALSE(ParameterTemplate::Parse(R"({"a":"{{item.}}"})").ok());
  EXPECT_FALSE(ParameterTemplate::Parse(R"({"a":"{{ {{item}} }}"})").ok());
  EXPECT_FALSE(ParameterTemplate::Parse("{\"a\":" + std::string(90, '[') +
                                        std::string(90, ']') + "}")
                   .ok());
}

TEST(ParameterTemplateTest, ResultsAreBounded) {
  std::string templates;
  for (int i = 0; i < 1000; ++i) templates += "{{item}}";
  const std::string item = "\"" + std::string(60'000, 'x') + "\"";
  EXPECT_EQ(Rendered("{\"a\":\"" + templates + "\"}", item),
            "Render: the parameters of one task are over 1048576 bytes");
}

}  // namespace
}  // namespace remuda

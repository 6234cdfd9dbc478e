#include "jobs/output_rules.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(OutputRulesTest, PatternsStayInTheFolder) {
  for (const char* good : {"*.txt", "out/a?.bin", "[ab]/*", "a b", "..x"}) {
    EXPECT_EQ(WhyBadOutputPattern(good), "") << good;
  }
  for (const char* bad : {"", "/etc/passwd", "..", "../x", "a/../../b", "a//b",
                          "./a", "a/", "out/**", "**/x"}) {
    EXPECT_NE(WhyBadOutputPattern(bad), "") << bad;
  }
  EXPECT_NE(WhyBadOutputPattern(std::string(2000, 'a')), "");
  EXPECT_NE(WhyBadOutputPattern(std::string_view("a\0b", 3)), "");
}

TEST(OutputRulesTest, FitTheType) {
  Job job;
  job.type = "command";
  EXPECT_TRUE(CheckOutputRules(job).ok());
  job.outputs.to = "/x";
  EXPECT_FALSE(CheckOutputRules(job).ok());
  job.outputs.files = {"*.txt"};
  EXPECT_TRUE(CheckOutputRules(job).ok());
  job.with = R"({"argv":["ls"],"cwd":"/tmp"})";
  EXPECT_FALSE(CheckOutputRules(job).ok());
  job.with = R"({"argv":["cwd"]})";
  EXPECT_TRUE(CheckOutputRules(job).ok());
  job.outputs.to.clear();
  EXPECT_FALSE(CheckOutputRules(job).ok());
  job.outputs.to = "/x";
  job.type = "python";
  EXPECT_FALSE(CheckOutputRules(job).ok());
  job.outputs.files.clear();
  EXPECT_TRUE(CheckOutputRules(job).ok());
  job.type = "noop";
  EXPECT_FALSE(CheckOutputRules(job).ok());
}

}  // namespace
}  // namespace remuda

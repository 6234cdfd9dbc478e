#include "cli/source_look.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace remuda {
namespace {

class SourceLookTest : public testing::Test {
 protected:
  SourceLookTest() : folder_(std::string(testing::TempDir()) + "source_look") {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/looked_at.py") << "import time\n"
                                                "raise SystemExit('imported')\n"
                                                "def plain(x):\n"
                                                "    return x\n"
                                                "async def waits(x):\n"
                                                "    time.sleep(1)\n";
  }
  ~SourceLookTest() override { std::filesystem::remove_all(folder_); }

  ResolvedJob Python(const std::string& function,
                     const std::string& more = "") const {
    ResolvedJob resolved;
    resolved.job.name = "x";
    resolved.job.type = "python";
    resolved.job.with = R"({"function":")" + function + R"(","path":[")" +
                        folder_ + "\"]" + more + "}";
    return resolved;
  }

  const std::string folder_;
};

TEST_F(SourceLookTest, TellsAsyncFromPlainWithoutImporting) {
  std::vector<ResolvedJob> jobs = {Python("looked_at:plain"),
                                   Python("looked_at:waits")};
  const std::vector<SourceLook> looks = LookAtSources(jobs);
  ASSERT_EQ(looks.size(), 2u);
  EXPECT_EQ(looks[0].form, CodeForm::kPlain) << looks[0].problem;
  EXPECT_EQ(looks[0].file, folder_ + "/looked_at.py");
  EXPECT_EQ(looks[0].line, 3u);
  EXPECT_EQ(jobs[0].job.form, CodeForm::kPlain);
  EXPECT_EQ(jobs[1].job.form, CodeForm::kAsync);
  ASSERT_EQ(looks[1].findings.size(), 1u);
  EXPECT_EQ(looks[1].findings[0].code, "blocking_call");
  EXPECT_EQ(looks[1].findings[0].line, 6u);
  EXPECT_EQ(looks[1].findings[0].function, "waits");
}

TEST_F(SourceLookTest, WhatIsNotThereIsUnknownAndSaysSo) {
  std::vector<ResolvedJob> jobs = {
      Python("no_such_module_here:f"), Python("looked_at:absent"),
      Python("{{item}}"), Python("looked_at:plain", R"(,"python":"/no/py")")};
  for (const SourceLook& look : LookAtSources(jobs)) {
    EXPECT_TRUE(look.looked);
    EXPECT_EQ(look.form, CodeForm::kUnknown);
    EXPECT_FALSE(look.problem.empty());
  }
}

TEST_F(SourceLookTest, TimeThatIsOverIsNotWaitedFor) {
  std::vector<ResolvedJob> jobs = {Python("looked_at:plain")};
  const std::vector<SourceLook> looks = LookAtSources(jobs, Duration::zero());
  EXPECT_EQ(looks[0].form, CodeForm::kUnknown);
  EXPECT_NE(looks[0].problem.find("too long"), std::string::npos);
}

TEST_F(SourceLookTest, OtherTypesAreNotLookedAt) {
  std::vector<ResolvedJob> jobs(1);
  jobs[0].job.type = "command";
  EXPECT_FALSE(LookAtSources(jobs)[0].looked);
}

TEST(ReadLookTest, OddAnswersAreUnknown) {
  EXPECT_EQ(ReadLook("").form, CodeForm::kUnknown);
  EXPECT_FALSE(ReadLook("[]").problem.empty());
  EXPECT_EQ(ReadLook(R"({"form":"odd","line":-3,"findings":[1,{}]})").line, 0u);
  EXPECT_EQ(ReadLook(R"({"form":"plain"})").form, CodeForm::kPlain);
}

}  // namespace
}  // namespace remuda

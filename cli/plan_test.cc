#include "cli/plan.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace remuda {
namespace {

ResolvedJob Sleep(const std::string& with) {
  ResolvedJob resolved;
  resolved.job.name = "naps";
  resolved.job.type = "sleep";
  resolved.job.with = with;
  return resolved;
}

TEST(PlanTest, CountsWithoutExpandingARange) {
  ResolvedJob job = Sleep(R"({"seconds":"{{item}}"})");
  job.job.tasks.kind = TaskSource::Kind::kRange;
  job.job.tasks.from = 1;
  job.job.tasks.to = 10'000'000;
  const auto plans = PlanJobs({job}, {SourceLook()});
  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(plans->at(0).tasks, 10'000'000u);
  EXPECT_EQ(plans->at(0).examples.size(), 3u);
  EXPECT_EQ(plans->at(0).examples[1], R"({"seconds":2})");
  EXPECT_FALSE(plans->at(0).reason.empty());
  EXPECT_NE(PlanText(*plans).find("naps: 10,000,000 tasks of type sleep"),
            std::string::npos);
  const auto json = nlohmann::json::parse(PlanJson(*plans));
  EXPECT_EQ(json["jobs"][0]["examples"][2]["seconds"], 3);
}

TEST(PlanTest, FindsTheBadRowOfAList) {
  ResolvedJob job = Sleep(R"({"seconds":"{{item.nap}}"})");
  for (int i = 0; i < 5; ++i) job.items.Append(R"({"nap":1})");
  job.items.Append(R"({"map":1})");
  job.job.tasks.kind = TaskSource::Kind::kList;
  job.job.tasks.list_count = job.items.count();
  const auto plans = PlanJobs({job}, {SourceLook()});
  ASSERT_FALSE(plans.ok());
  const std::string message(plans.status().message());
  EXPECT_NE(message.find("'naps'"), std::string::npos) << message;
  EXPECT_NE(message.find("task 5"), std::string::npos) << message;
}

TEST(PlanTest, ShowsTheOthersAndWhatTheSourceSays) {
  ResolvedJob job;
  job.job.name = "fetch";
  job.job.type = "python";
  job.job.with = R"({"function":"m:f"})";
  job.job.form = CodeForm::kAsync;
  const SourceLook look = {.looked = true,
                           .function = "m:f",
                           .form = CodeForm::kAsync,
                           .file = "/a/m.py",
                           .line = 3,
                           .problem = "",
                           .findings = {{.code = "blocking_call",
                                         .text = "'f' calls time.sleep",
                                         .function = "f",
                                         .file = "/a/m.py",
                                         .line = 4}}};
  const auto plans = PlanJobs({job}, {look});
  ASSERT_TRUE(plans.ok()) << plans.status();
  const std::string text = PlanText(*plans);
  for (const char* line :
       {"  on async: 'python' calls an async def",
        "  possible on thread-pool: ", "  possible on process-pool: ",
        "  m:f is an async def (/a/m.py:3)\n",
        "  note: 'f' calls time.sleep (f, /a/m.py:4)\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  const auto json = nlohmann::json::parse(PlanJson(*plans))["jobs"][0];
  EXPECT_EQ(json["executor"], "async");
  EXPECT_EQ(json["others"].size(), 2u);
  EXPECT_EQ(json["source"]["form"], "async");
  EXPECT_EQ(json["source"]["findings"][0]["line"], 4);
}

TEST(PlanTest, SaysWhereTheSourceWasNotFound) {
  EXPECT_EQ(LookText({}), "");
  SourceLook look;
  look.looked = true;
  look.function = "m:f";
  look.problem = "there is no source of a module 'm'";
  EXPECT_EQ(LookText(look),
            "  m:f: not known here whether it is an async def (there is no "
            "source of a module 'm')\n");
}

}  // namespace
}  // namespace remuda

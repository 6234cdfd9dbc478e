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
  const auto plans = PlanJobs({job});
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
  const auto plans = PlanJobs({job});
  ASSERT_FALSE(plans.ok());
  const std::string message(plans.status().message());
  EXPECT_NE(message.find("'naps'"), std::string::npos) << message;
  EXPECT_NE(message.find("task 5"), std::string::npos) << message;
}

}  // namespace
}  // namespace remuda

#include "jobs/job_type.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(JobTypeTest, TypesAreSortedAndFound) {
  std::string last;
  for (const JobType& type : ShippedJobTypes()) {
    EXPECT_LT(last, type.name);
    last = type.name;
    EXPECT_EQ(FindJobType(type.name), &type);
    EXPECT_FALSE(type.executors.empty());
    EXPECT_FALSE(type.meaning.empty());
    for (const ParameterFact& fact : type.parameters) {
      EXPECT_FALSE(fact.meaning.empty()) << fact.name;
    }
  }
  EXPECT_EQ(FindJobType("nope"), nullptr);
}

TEST(JobTypeTest, WorkloadsHaveNames) {
  EXPECT_EQ(DeclaredWorkloads().size(), 4u);
  for (const std::string_view name : DeclaredWorkloads()) {
    const auto workload = WorkloadFromName(name);
    ASSERT_TRUE(workload.has_value()) << name;
    EXPECT_EQ(Name(*workload), name);
    EXPECT_NE(*workload, Workload::kUnknown);
  }
  EXPECT_EQ(WorkloadFromName("unknown"), Workload::kUnknown);
  EXPECT_EQ(WorkloadFromName("IO"), std::nullopt);
}

TEST(JobTypeTest, PythonRunsEverywhereAndProgramsInProcesses) {
  EXPECT_EQ(FindJobType("python")->executors.size(), 3u);
  EXPECT_EQ(FindJobType("command")->executors,
            std::vector<ExecutorKind>{ExecutorKind::kProcessPool});
}

}  // namespace
}  // namespace remuda

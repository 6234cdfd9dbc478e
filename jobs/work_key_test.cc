#include "jobs/work_key.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

Job AnyJob() {
  Job job;
  job.name = "a";
  job.type = "command";
  job.with = R"({"run":["true"]})";
  return job;
}

TEST(WorkKeyTest, TypeAndParametersTellWorkApart) {
  Job other_type = AnyJob();
  other_type.type = "python";
  EXPECT_NE(WorkKeyOf(AnyJob()), WorkKeyOf(other_type));
  Job other_parameters = AnyJob();
  other_parameters.with = R"({"run":["sleep","9"]})";
  EXPECT_NE(WorkKeyOf(AnyJob()), WorkKeyOf(other_parameters));
}

TEST(WorkKeyTest, NamePriorityAndFanOutDoNot) {
  Job again = AnyJob();
  again.name = "b";
  again.priority = 7;
  again.tasks.kind = TaskSource::Kind::kRange;
  again.tasks.to = 99;
  EXPECT_EQ(WorkKeyOf(AnyJob()), WorkKeyOf(again));
  EXPECT_NE(WorkKeyOf(again), WorkKey{});
}

// Both peers have to find the same, whatever their versions are.
TEST(WorkKeyTest, IsTheSameInEveryVersion) {
  EXPECT_EQ(WorkKeyOf(AnyJob()).value, 0xb8adf333f7131ddfu);
}

}  // namespace
}  // namespace remuda

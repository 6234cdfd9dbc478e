#include "cli/own_workers.h"

#include "gtest/gtest.h"
#include "jobs/job_type.h"

namespace remuda {
namespace {

TEST(OwnWorkersTest, TypesAreReadWithTheirCommands) {
  const auto workers =
      ParseOwnWorkers("perl.eval=perl /dev/null -x;js.eval; a = b ;");
  ASSERT_TRUE(workers.ok()) << workers.status();
  ASSERT_EQ(workers->size(), 3u);
  EXPECT_EQ((*workers)[0].type, "perl.eval");
  EXPECT_EQ((*workers)[0].argv,
            (std::vector<std::string>{"perl", "/dev/null", "-x"}));
  EXPECT_TRUE((*workers)[1].argv.empty());
  EXPECT_EQ((*workers)[2].type, "a");
  EXPECT_TRUE(ParseOwnWorkers("")->empty());
}

TEST(OwnWorkersTest, HalfAnEntryIsRefused) {
  EXPECT_FALSE(ParseOwnWorkers("=perl").ok());
  EXPECT_FALSE(ParseOwnWorkers("two words=perl").ok());
  EXPECT_FALSE(ParseOwnWorkers("perl.eval= ").ok());
}

TEST(OwnWorkersTest, TypesAreAddedOnceAndOnlyUnderNamesOfTypes) {
  ASSERT_TRUE(LearnOwnWorkers("own.type;own.other=perl").ok());
  const JobType* type = FindJobType("own.type");
  ASSERT_NE(type, nullptr);
  EXPECT_TRUE(type->takes_any_parameters);
  EXPECT_TRUE(type->runs_user_code);
  ASSERT_EQ(KnownOwnWorkers().size(), 2u);
  EXPECT_EQ(KnownOwnWorkers()[1].argv, std::vector<std::string>{"perl"});
  EXPECT_FALSE(LearnOwnWorkers("own.type").ok());
  EXPECT_FALSE(LearnOwnWorkers("python=perl").ok());
  EXPECT_FALSE(LearnOwnWorkers("Own=perl").ok());
  EXPECT_EQ(KnownOwnWorkers().size(), 2u);
}

}  // namespace
}  // namespace remuda

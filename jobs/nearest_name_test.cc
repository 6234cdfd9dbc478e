#include "jobs/nearest_name.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

const std::vector<std::string>& Names() {
  static const std::vector<std::string> kNames = {"concurrency", "timeout",
                                                  "tasks", "type", "with"};
  return kNames;
}

TEST(NearestNameTest, FindsWhatWasMeant) {
  EXPECT_EQ(NearestName("concurency", Names()), "concurrency");
  EXPECT_EQ(NearestName("Timeout", Names()), "timeout");
  EXPECT_EQ(NearestName("tiemout", Names()), "timeout");
  EXPECT_EQ(NearestName("task", Names()), "tasks");
  EXPECT_EQ(NearestName("wiht", Names()), "with");
}

TEST(NearestNameTest, FarNamesAreNotGuessed) {
  EXPECT_EQ(NearestName("colour", Names()), "");
  EXPECT_EQ(NearestName("", Names()), "");
  EXPECT_EQ(NearestName("x", {"y"}), "");
  EXPECT_EQ(NearestName(std::string(100'000, 'x'), Names()), "");
}

TEST(NearestNameTest, TheHintListsAFewNames) {
  EXPECT_EQ(DidYouMean("taks", Names()), ", did you mean 'tasks'?");
  EXPECT_EQ(DidYouMean("zzzz", {"a", "b", "c"}), "; possible are a, b and c");
  EXPECT_EQ(DidYouMean("zzzz", {}), "");
  EXPECT_EQ(JoinNames({"a", "b"}), "a and b");
}

}  // namespace
}  // namespace remuda

#include "jobs/verdict/work_name.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(WorkName, IsTheFunctionOrTheProgram) {
  EXPECT_EQ(WorkName("python", R"({"function":"rows:clean"})"), "rows:clean");
  EXPECT_EQ(WorkName("command", R"({"argv":["sh","-c","true"]})"), "sh");
  EXPECT_EQ(WorkName("http.crawl", R"({"url":"{{item}}"})"), "");
}

TEST(WorkName, OfWhatIsNoSuchThingIsEmpty) {
  for (const char* with : {"", "[]", "{", R"({"argv":[]})", R"({"argv":"sh"})",
                           R"({"argv":[1]})", R"({"function":7})"}) {
    EXPECT_EQ(WorkName("command", with), "") << with;
    EXPECT_EQ(WorkName("python", with), "") << with;
  }
}

TEST(WorkName, EndsAtAWholeLetterWithinItsLimit) {
  std::string name(199, 'x');
  name += "\xc3\xa9:f";
  EXPECT_EQ(WorkName("python", "{\"function\":\"" + name + "\"}"),
            std::string(199, 'x'));
}

}  // namespace
}  // namespace remuda

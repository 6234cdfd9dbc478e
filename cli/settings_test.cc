#include "cli/settings.h"

#include "gtest/gtest.h"

namespace remuda {
namespace {

TEST(ParseLabelsTest, ReadsPairs) {
  EXPECT_TRUE(ParseLabels("")->empty());
  const auto labels = ParseLabels("zone=a,disk=ssd");
  ASSERT_TRUE(labels.ok());
  EXPECT_EQ(labels->at("zone"), "a");
  EXPECT_EQ(labels->at("disk"), "ssd");
}

TEST(ParseLabelsTest, NamesWhatIsWrong) {
  for (const char* text : {"zone", "=a", "zone=", "a=b c", "a=1,a=2", ","}) {
    const auto labels = ParseLabels(text);
    ASSERT_FALSE(labels.ok()) << text;
    EXPECT_NE(std::string(labels.status().message()).find("--labels"),
              std::string::npos);
  }
}

TEST(ParseSlotsTest, KeepsDefaults) {
  const auto slots = ParseSlots("process-pool=4", 2);
  ASSERT_TRUE(slots.ok());
  EXPECT_EQ(slots->at(ExecutorKind::kAsync), 10'000u);
  EXPECT_EQ(slots->at(ExecutorKind::kThreadPool), 64u);
  EXPECT_EQ(slots->at(ExecutorKind::kProcessPool), 4u);
  EXPECT_EQ(ParseSlots("", 2)->at(ExecutorKind::kProcessPool), 2u);
  EXPECT_EQ(ParseSlots("async=0", 2)->at(ExecutorKind::kAsync), 0u);
}

TEST(ParseSlotsTest, RefusesWhatItDoesNotKnow) {
  for (const char* text :
       {"gpu=1", "async", "async=", "async=-1", "async=1000000", "async=2x"}) {
    EXPECT_FALSE(ParseSlots(text, 2).ok()) << text;
  }
}

TEST(ParseSettingTest, ReadsUnits) {
  EXPECT_EQ(*ParseSetting("--lease", "1500ms"),
            std::chrono::milliseconds(1500));
  EXPECT_EQ(*ParseSetting("--lease", "30s"), std::chrono::seconds(30));
  EXPECT_EQ(*ParseSetting("--lease", "10m"), std::chrono::minutes(10));
  EXPECT_EQ(*ParseSetting("--lease", "2h"), std::chrono::hours(2));
  EXPECT_EQ(*ParseSetting("--lease", "1d"), std::chrono::hours(24));
}

TEST(ParseSettingTest, RefusesTheRest) {
  for (const char* text : {"", "30", "s", "-1s", "0s", "soon"}) {
    EXPECT_FALSE(ParseSetting("--lease", text).ok()) << text;
  }
}

}  // namespace
}  // namespace remuda

#include "base/random.h"

#include <gtest/gtest.h>

#include <vector>

namespace remuda {
namespace {

TEST(RandomTest, SameSeedSameNumbers) {
  Random a(7);
  Random b(7);
  Random other(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.Next();
    EXPECT_EQ(value, b.Next());
    differs |= value != other.Next();
  }
  EXPECT_TRUE(differs);
}

// The reference generators' output for seed 0; a change here would make every
// recorded seed mean something else.
TEST(RandomTest, IsThePublishedGenerator) {
  Random random(0);
  EXPECT_EQ(random.Next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(random.Next(), 0xbf6e1f784956452au);
  EXPECT_EQ(random.Next(), 0x1a5f849d4933e6e0u);
}

TEST(RandomTest, BelowIsEvenAndInRange) {
  Random random(1);
  std::vector<int> counts(6);
  for (int i = 0; i < 60000; ++i) ++counts.at(random.Below(6));
  for (const int count : counts) {
    EXPECT_GT(count, 9500);
    EXPECT_LT(count, 10500);
  }
  EXPECT_EQ(random.Below(1), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(random.Below(UINT64_MAX), UINT64_MAX);
}

TEST(RandomTest, UnitIsInRange) {
  Random random(2);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.Unit();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

TEST(RandomDeathTest, BelowZeroIsAnError) {
  Random random(3);
  EXPECT_DEATH(random.Below(0), "CHECK failed");
}

TEST(SystemRandomTest, Differs) {
  EXPECT_NE(SystemSeed(), SystemSeed());
  EXPECT_EQ(RandomHex(16).size(), 32u);
  EXPECT_EQ(RandomHex(16).find_first_not_of("0123456789abcdef"),
            std::string::npos);
  EXPECT_NE(RandomHex(16), RandomHex(16));
  EXPECT_EQ(RandomHex(0), "");
}

}  // namespace
}  // namespace remuda

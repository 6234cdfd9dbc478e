#include "coordinator/server/known_keys.h"

#include <string>

#include "gtest/gtest.h"

namespace remuda {
namespace {

std::string Key(int number) { return "client/key-" + std::to_string(number); }

TEST(KnownKeysTest, UntilItIsCompleteAnyKeyMayBeKnown) {
  KnownKeys keys;
  keys.Add("one");
  EXPECT_TRUE(keys.MayHave("one"));
  EXPECT_TRUE(keys.MayHave("other"));
  keys.Complete();
  EXPECT_TRUE(keys.MayHave("one"));
  EXPECT_FALSE(keys.MayHave("other"));
  keys.Add("other");
  EXPECT_TRUE(keys.MayHave("other"));
}

TEST(KnownKeysTest, IsNeverWrongOfAKnownKeyAndSeldomOfANewOne) {
  KnownKeys keys;
  constexpr int kMany = 1'000'000;
  for (int i = 0; i < kMany; ++i) keys.Add(Key(i));
  keys.Complete();
  int wrong = 0;
  for (int i = 0; i < kMany; ++i) {
    ASSERT_TRUE(keys.MayHave(Key(i)));
    wrong += keys.MayHave(Key(kMany + i)) ? 1 : 0;
  }
  EXPECT_LT(wrong, kMany / 100);
}

}  // namespace
}  // namespace remuda

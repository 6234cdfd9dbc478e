#include "simulation/last_words.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace remuda {
namespace {

TEST(LastWordsTest, AFailedCheckNamesTheSeed) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const LastWords words(1234567, "");
        CHECK(1 + 1 == 3);
      },
      "again: remuda-simulation --seeds 1234567 --trace");
}

TEST(LastWordsTest, AFailedCheckNamesWhatWasPlanted) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const LastWords words(0, "no-self-fence");
        CHECK(1 + 1 == 3);
      },
      "--seeds 0 --plant no-self-fence --trace");
}

}  // namespace
}  // namespace remuda

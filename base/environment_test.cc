#include "base/environment.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace remuda {
namespace {

TEST(EnvironmentTest, TellsUnsetFromEmpty) {
  setenv("REMUDA_TEST_SET", "value", 1);
  setenv("REMUDA_TEST_EMPTY", "", 1);
  unsetenv("REMUDA_TEST_UNSET");
  EXPECT_EQ(EnvironmentVariable("REMUDA_TEST_SET"), "value");
  EXPECT_EQ(EnvironmentVariable("REMUDA_TEST_EMPTY"), "");
  EXPECT_EQ(EnvironmentVariable("REMUDA_TEST_UNSET"), std::nullopt);
}

}  // namespace
}  // namespace remuda

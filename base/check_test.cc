#include "base/check.h"

#include <gtest/gtest.h>

#include "absl/status/statusor.h"

namespace remuda {
namespace {

TEST(CheckTest, PassesAndEvaluatesOnce) {
  int calls = 0;
  CHECK(++calls == 1);
  CHECK_EQ(++calls, 2);
  CHECK_OK((++calls, absl::OkStatus()));
  EXPECT_EQ(calls, 3);
}

TEST(CheckDeathTest, NamesPlaceAndCondition) {
  EXPECT_DEATH(CHECK(1 + 1 == 3), "check_test.cc:[0-9]+: CHECK failed: 1 \\+");
}

TEST(CheckDeathTest, PrintsBothValues) {
  const size_t held = 7;
  EXPECT_DEATH(CHECK_LE(held, size_t{5}), "7 and 5");
}

TEST(CheckDeathTest, PrintsTheStatus) {
  EXPECT_DEATH(CHECK_OK(absl::NotFoundError("no job j7")), "no job j7");
  const absl::StatusOr<int> missing = absl::NotFoundError("no agent a1");
  EXPECT_DEATH(CHECK_OK(missing), "no agent a1");
}

}  // namespace
}  // namespace remuda

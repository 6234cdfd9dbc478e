#include "executors/handlers/sleep_parameters.h"

#include <chrono>

#include "gtest/gtest.h"

namespace remuda {
namespace {

TEST(SleepParametersTest, Seconds) {
  EXPECT_EQ(*ParseSleepParameters(R"({"seconds": 2})"),
            std::chrono::seconds(2));
  EXPECT_EQ(*ParseSleepParameters(R"({"seconds": 0.25})"),
            std::chrono::milliseconds(250));
  EXPECT_EQ(*ParseSleepParameters(R"({"seconds": 0})"), Duration::zero());
}

TEST(SleepParametersTest, NonsenseIsRefused) {
  for (const char* bad :
       {"", "[]", "{}", R"({"seconds": "1"})", R"({"seconds": -1})",
        R"({"seconds": 1e300})", R"({"seconds": null})"}) {
    EXPECT_EQ(ParseSleepParameters(bad).status().code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

}  // namespace
}  // namespace remuda

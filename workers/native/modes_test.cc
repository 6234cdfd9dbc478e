#include "workers/native/modes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/clock.h"
#include "workers/conformance/conformance.h"

namespace remuda {
namespace {

constexpr char kWorker[] = "workers/native/native_worker_program";

// A missing answer costs it; one that is there has never been this late.
constexpr std::chrono::seconds kPatience(30);

class ModesTest : public testing::TestWithParam<const char*> {};

TEST_P(ModesTest, ItKeepsEachPromise) {
  const SystemClock clock;
  const std::string program = std::filesystem::absolute(kWorker).string();
  const auto report = RunConformance({.argv = {program, "worker", "3"},
                                      .modes = {GetParam()},
                                      .patience = kPatience},
                                     clock, [](const JudgedCheck&) {});
  ASSERT_TRUE(report.ok()) << report.status();
  for (const JudgedCheck& check : report->checks) {
    EXPECT_EQ(check.verdict, "passed") << check.name << ": " << check.seen;
    EXPECT_EQ(check.mode, GetParam());
  }
  EXPECT_GE(report->checks.size(), 27u);
}

INSTANTIATE_TEST_SUITE_P(AllModes, ModesTest,
                         testing::Values("process", "threads", "loop"));

}  // namespace
}  // namespace remuda

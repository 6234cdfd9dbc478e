#include "workers/conformance/conformance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace remuda {
namespace {

constexpr char kFaultyWorker[] =
    "workers/conformance/testdata/faulty_worker.py";

// Each is a check, and a fault that breaks just that.
constexpr std::array<const char*, 30> kFaults = {
    "hello",          "ready",        "echo",      "ping",
    "descriptors",    "sigterm",      "error",     "batch",
    "shared",         "range",        "order",     "turns",
    "cancel",         "prints",       "many",      "cancel_unknown",
    "unknown_member", "unknown_type", "big_frame", "split_frames",
    "text",           "numbers",      "drain",     "cell_current",
    "cell_revoked",   "channel_end",  "once",      "log_first",
    "frames",         "none"};

// Most of a run is waiting.
constexpr size_t kRunsAtOnce = 6;

// A missing answer costs it; one that is there has never been this late.
constexpr std::chrono::seconds kPatience(10);

ConformanceReport Check(const std::vector<std::string>& argv) {
  const SystemClock clock;
  const auto report = RunConformance({.argv = argv, .patience = kPatience},
                                     clock, [](const JudgedCheck&) {});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : ConformanceReport();
}

std::string FailedChecks(const ConformanceReport& report) {
  std::string names;
  for (const JudgedCheck& check : report.checks) {
    if (check.verdict == "failed") {
      names += (names.empty() ? "" : " ") + check.name;
    }
  }
  return names;
}

TEST(ConformanceTest, EachFaultIsFoundByTheCheckThatNamesIt) {
  std::array<ConformanceReport, kFaults.size()> reports;
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kRunsAtOnce; ++i) {
    threads.emplace_back([&] {
      for (size_t fault = next++; fault < kFaults.size(); fault = next++) {
        reports[fault] = Check({"python3", kFaultyWorker, kFaults[fault]});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t fault = 0; fault < kFaults.size(); ++fault) {
    const std::string name = kFaults[fault];
    EXPECT_EQ(FailedChecks(reports[fault]), name == "none" ? "" : name);
    EXPECT_GE(reports[fault].checks.size(), 30u);
  }
}

TEST(ConformanceTest, ProgramThatDoesNotExistFailsItsGreeting) {
  const ConformanceReport report = Check({"no-such-worker"});
  EXPECT_EQ(FailedChecks(report), "hello");
  EXPECT_EQ(report.passed, 0u);
  ASSERT_FALSE(report.checks.empty());
  EXPECT_NE(report.checks.front().seen.find("No such file"), std::string::npos)
      << report.checks.front().seen;
}

TEST(ConformanceTest, ProgramThatIsNoWorkerFailsItsGreeting) {
  EXPECT_EQ(FailedChecks(Check({"/bin/true"})), "hello");
}

}  // namespace
}  // namespace remuda

#include "cli/progress.h"

#include "gtest/gtest.h"

namespace remuda {
namespace {

using std::chrono::seconds;

JobSummary Summary(uint64_t succeeded, uint64_t failed, uint64_t total) {
  JobSummary summary;
  summary.name = "crawl";
  summary.total = total;
  summary.tasks[static_cast<size_t>(TaskState::kSucceeded)] = succeeded;
  summary.tasks[static_cast<size_t>(TaskState::kFailed)] = failed;
  return summary;
}

TEST(ProgressMeterTest, SaysRateAndTimeLeft) {
  ProgressMeter meter;
  const MonotonicTime start{};
  meter.Update(start, Summary(0, 0, 10'000));
  meter.Update(start + seconds(1), Summary(997, 3, 10'000));
  EXPECT_EQ(meter.Line(),
            "crawl: 1,000 of 10,000 tasks (10%), 1,000/s, 9.0 s left, "
            "3 failed");
  EXPECT_EQ(meter.Bar(200),
            "crawl  [==>                     ]  1,000/10,000  10%  1,000/s  "
            "9.0 s left  3 failed");
}

TEST(ProgressMeterTest, KnowsNoRateFromOneSample) {
  ProgressMeter meter;
  meter.Update(MonotonicTime{}, Summary(5, 0, 10));
  EXPECT_EQ(meter.rate(), 0);
  EXPECT_EQ(meter.Line(), "crawl: 5 of 10 tasks (50%)");
}

TEST(ProgressMeterTest, ForgetsOldSamples) {
  ProgressMeter meter;
  MonotonicTime now{};
  uint64_t done = 0;
  for (int i = 0; i < 100; ++i) {
    now += seconds(1);
    done += i < 50 ? 1 : 1000;
    meter.Update(now, Summary(done, 0, 1'000'000));
  }
  EXPECT_NEAR(meter.rate(), 1000, 1);
}

TEST(ProgressMeterTest, IsCompleteOnlyWhenNothingIsLeft) {
  ProgressMeter meter;
  meter.Update(MonotonicTime{}, Summary(99'999, 0, 100'000));
  EXPECT_EQ(meter.Line(), "crawl: 99,999 of 100,000 tasks (99%)");
  meter.Update(MonotonicTime{}, Summary(100'000, 0, 100'000));
  EXPECT_EQ(meter.Bar(200),
            "crawl  [========================]  100,000/100,000  100%");
}

TEST(ProgressMeterTest, FitsTheTerminal) {
  ProgressMeter meter;
  meter.Update(MonotonicTime{}, Summary(1, 0, 10));
  EXPECT_LE(meter.Bar(40).size(), 42u);  // the mark of the cut has 3 bytes
}

}  // namespace
}  // namespace remuda

#include "wire/metrics.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace remuda {
namespace {

bool Has(const std::string& text, const std::string& line) {
  return text.find(line + "\n") != std::string::npos;
}

TEST(Metrics, AreServedAsText) {
  Metrics metrics("coordinator", "1.2.3");
  auto messages =
      metrics.AddCounter("remuda_transport_messages_total", "Messages.",
                         {{"socket", "router"}, {"direction", "in"}});
  messages.Add();
  messages.Add(2);
  metrics.AddGauge("remuda_term", "The term.").Set(7);
  auto seconds = metrics.AddHistogram("remuda_dispatch_duration_seconds",
                                      "Time of a turn.", {0.1, 1});
  seconds.Observe(0.5);
  const std::string text = metrics.Serialize();
  EXPECT_TRUE(Has(text, "# TYPE remuda_transport_messages_total counter"));
  EXPECT_TRUE(Has(text,
                  "remuda_transport_messages_total{direction=\"in\","
                  "socket=\"router\"} 3"))
      << text;
  EXPECT_TRUE(Has(text, "remuda_term 7"));
  EXPECT_TRUE(
      Has(text, "remuda_dispatch_duration_seconds_bucket{le=\"0.1\"} 0"));
  EXPECT_TRUE(Has(text, "remuda_dispatch_duration_seconds_bucket{le=\"1\"} 1"));
  EXPECT_TRUE(
      Has(text, "remuda_build_info{role=\"coordinator\",version=\"1.2.3\"} 1"))
      << text;
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameNumber) {
  Metrics metrics("agent", "1");
  metrics.AddCounter("remuda_a_total", "A.", {{"reason", "x"}}).Add(2);
  auto again = metrics.AddCounter("remuda_a_total", "A.", {{"reason", "x"}});
  EXPECT_EQ(again.value(), 2);
  auto other = metrics.AddCounter("remuda_a_total", "A.", {{"reason", "y"}});
  EXPECT_EQ(other.value(), 0);
  again.AdvanceTo(5);
  EXPECT_EQ(again.value(), 5);
}

double ValueOf(const std::string& text, const std::string& name) {
  const size_t at = text.find("\n" + name + " ");
  if (at == std::string::npos) return -1;
  return std::strtod(text.c_str() + at + name.size() + 2, nullptr);
}

TEST(Metrics, ATotalMayBeToldTwiceAlthoughSumsAreRounded) {
  Metrics metrics("agent", "1.2.3");
  auto busy = metrics.AddCounter("remuda_executor_busy_seconds_total", "Busy.",
                                 {{"executor", "async"}});
  // What is added is rounded, and so is the sum, here to above the total.
  busy.AdvanceTo(0.969778545);
  busy.AdvanceTo(5.069115035);
  ASSERT_GT(busy.value(), 5.069115035);
  busy.AdvanceTo(5.069115035);
  EXPECT_DEATH(busy.AdvanceTo(5), "by >= ");
}

TEST(Metrics, TheProcessIsAmongThem) {
  Metrics metrics("agent", "1");
  const std::string text = metrics.Serialize();
  EXPECT_GT(ValueOf(text, "process_resident_memory_bytes"), 1e6);
  EXPECT_GE(ValueOf(text, "process_open_fds"), 3);
  EXPECT_GE(ValueOf(text, "process_max_fds"), 64);
  EXPECT_GE(ValueOf(text, "process_threads"), 1);
  EXPECT_GE(ValueOf(text, "process_cpu_seconds_total"), 0);
  EXPECT_GT(ValueOf(text, "process_start_time_seconds"), 1.6e9);
  // A descriptor more is one more.
  std::ifstream file("/proc/self/stat");
  EXPECT_EQ(ValueOf(metrics.Serialize(), "process_open_fds"),
            ValueOf(text, "process_open_fds") + 1);
}

TEST(Metrics, BucketsCountedElsewhereAreShown) {
  static constexpr std::array kBounds = {0.1, 1.0};
  BucketCounts counts(kBounds);
  Metrics metrics("agent", "1");
  const size_t before = metrics.series();
  auto shown = metrics.AddBuckets("remuda_wait_seconds", "Waits.", counts,
                                  {{"queue", "default"}});
  EXPECT_EQ(metrics.series(), before + 5);
  EXPECT_TRUE(Has(metrics.Serialize(),
                  "remuda_wait_seconds_count{queue=\"default\"} 0"));
  counts.Observe(0.1, 3);  // a bound is part of what lies below it
  counts.Observe(0.5);
  counts.Observe(std::chrono::seconds(-3), 2);  // a clock was set back
  counts.Observe(std::chrono::seconds(60));
  EXPECT_EQ(counts.total(), 7u);
  shown.Set(counts);
  const std::string text = metrics.Serialize();
  const std::string bucket =
      "remuda_wait_seconds_bucket{queue=\"default\",le=\"";
  EXPECT_TRUE(Has(text, "# TYPE remuda_wait_seconds histogram"));
  EXPECT_TRUE(Has(text, bucket + "0.1\"} 5")) << text;
  EXPECT_TRUE(Has(text, bucket + "1\"} 6"));
  EXPECT_TRUE(Has(text, bucket + "+Inf\"} 7"));
  EXPECT_TRUE(Has(text, "remuda_wait_seconds_count{queue=\"default\"} 7"));
  EXPECT_TRUE(Has(text, "remuda_wait_seconds_sum{queue=\"default\"} 60.8"));
}

TEST(Metrics, AHistogramThatWouldBeTooMuchIsOther) {
  Metrics metrics("agent", "1", /*series_max=*/10);
  metrics.AddHistogram("remuda_a_seconds", "A.", {1, 2, 3}, {{"reason", "x"}})
      .Observe(1);
  metrics.AddHistogram("remuda_a_seconds", "A.", {1, 2, 3}, {{"reason", "y"}})
      .Observe(1);
  EXPECT_TRUE(
      Has(metrics.Serialize(), "remuda_a_seconds_count{reason=\"other\"} 1"));
}

TEST(Metrics, SeriesAreBounded) {
  Metrics metrics("agent", "1");
  for (size_t i = 0; i < Metrics::kSeriesMax + 50; ++i) {
    metrics
        .AddCounter("remuda_many_total", "Many.",
                    {{"reason", "r" + std::to_string(i)}})
        .Add();
  }
  const std::string text = metrics.Serialize();
  // The build's own series is one of them.
  EXPECT_TRUE(Has(text, "remuda_many_total{reason=\"other\"} 51"));
}

TEST(MetricsDeathTest, MistakesAreFound) {
  Metrics metrics("agent", "1");
  auto counter = metrics.AddCounter("remuda_a_total", "A.");
  EXPECT_DEATH(counter.Add(-1), "by >= 0");
  EXPECT_DEATH(metrics.AddCounter("remuda_a", "A."), "_total");
  EXPECT_DEATH(metrics.AddGauge("remuda_b_total", "B."), "_total");
  EXPECT_DEATH(metrics.AddGauge("other_b", "B."), "remuda_");
  EXPECT_DEATH(metrics.AddGauge("remuda_b", "B.", {{"job", "1"}}), "name");
  EXPECT_DEATH(metrics.AddGauge("remuda_b", "B.", {{"queue", "A b"}}),
               "IsLabelValue");
}

TEST(LabelValue, AllowsNothingElse) {
  EXPECT_EQ(LabelValue("process-pool"), "process_pool");
  EXPECT_EQ(LabelValue("http.crawl"), "http.crawl");
  EXPECT_EQ(LabelValue("A\"\n\xff"), "a___");
  EXPECT_EQ(LabelValue(""), "none");
}

TEST(Metrics, PromtoolFindsNothingToSay) {
  if (std::system("command -v promtool >/dev/null") != 0) {
    GTEST_SKIP() << "promtool is not installed (package prometheus)";
  }
  Metrics metrics("coordinator", "1.2.3");
  metrics.AddCounter("remuda_store_errors_total", "Errors.", {{"kind", "io"}});
  metrics.AddGauge("remuda_agents", "Agents.", {{"state", "online"}});
  metrics
      .AddHistogram("remuda_store_commit_duration_seconds", "Commits.",
                    Metrics::SecondsBounds())
      .Observe(0.003);
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / "metrics.txt";
  std::ofstream(file) << metrics.Serialize();
  const std::string command = "promtool check metrics < '" + file.string() +
                              "' > '" + file.string() + ".out' 2>&1";
  const int result = std::system(command.c_str());
  std::ifstream output(file.string() + ".out");
  const std::string said((std::istreambuf_iterator<char>(output)), {});
  EXPECT_EQ(result, 0) << said;
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace remuda

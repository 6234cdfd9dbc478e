#include "coordinator/server/coordinator_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "jobs/job_type.h"

namespace remuda {
namespace {

CoreCounters SomeCounters(uint64_t factor) {
  CoreCounters counters;
  counters.submissions_accepted = factor;
  counters.sessions_opened = 2 * factor;
  counters.stale[2][4] = 3 * factor;
  counters.credit[0] = 100;
  counters.outstanding[0] = 40;
  ClassCounters noop;
  noop.type = "noop";
  noop.executor = ExecutorKind::kProcessPool;
  noop.attempts_started = 5 * factor;
  noop.attempts_finished[0] = 5 * factor;
  noop.tasks_finished[2] = 5 * factor;
  noop.pending = 7;
  noop.tasks_taken = 5 * factor + 7;
  counters.classes.push_back(noop);
  noop.executor = ExecutorKind::kAsync;
  counters.classes.push_back(noop);
  return counters;
}

bool Has(const std::string& text, const std::string& line) {
  return text.find(line + "\n") != std::string::npos;
}

TEST(CoordinatorMetricsTest, TakesOverWhatTheCoreCounts) {
  CoordinatorMetrics metrics("1.2.3");
  for (const uint64_t factor : {1, 2, 2}) {
    metrics.Publish({.core = SomeCounters(factor), .term = {3}});
  }
  const std::string text = metrics.Serialize();
  EXPECT_TRUE(Has(text, R"(remuda_submissions_total{result="accepted"} 2)"));
  EXPECT_TRUE(Has(text,
                  "remuda_stale_messages_total{reason=\"not_running\","
                  "type=\"results\"} 6"));
  EXPECT_TRUE(Has(
      text,
      R"(remuda_tasks_finished_total{job_type="noop",outcome="succeeded"} 20)"))
      << "over all executors";
  EXPECT_TRUE(Has(text,
                  "remuda_attempts_started_total{executor=\"process_pool\","
                  "job_type=\"noop\"} 10"));
  EXPECT_TRUE(Has(text, R"(remuda_credit_tasks{executor="async"} 60)"));
  EXPECT_TRUE(
      Has(text, R"(remuda_queue_tasks{queue="default",state="pending"} 14)"));
  EXPECT_TRUE(Has(text, "remuda_term 3"));
}

TEST(CoordinatorMetricsTest, EverySeriesIsThereFromTheStart) {
  CoordinatorMetrics metrics("1.2.3");
  const std::string before = metrics.Serialize();
  metrics.Publish({.core = SomeCounters(1), .term = {3}});
  metrics.OnCommit({.rows = 5, .units = 1}, std::chrono::milliseconds(1),
                   std::chrono::milliseconds(1));
  metrics.OnCheckpoint(std::chrono::milliseconds(1));
  metrics.OnSubmissionRefused(absl::InternalError(""));
  metrics.OnMalformed("malformed");
  metrics.OnSubmitted(std::chrono::milliseconds(1));
  const std::string after = metrics.Serialize();
  EXPECT_EQ(std::count(before.begin(), before.end(), '\n'),
            std::count(after.begin(), after.end(), '\n'));
  EXPECT_LT(std::count(after.begin(), after.end(), '\n'), 2'000);
}

// The lines that are no comments.
long Samples(const std::string& text) {
  long samples = 0;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    if (text[at] != '#') ++samples;
  }
  return samples;
}

TEST(CoordinatorMetricsTest, SeriesAreBoundedWhateverTheJobTypes) {
  CoordinatorMetrics metrics("1.2.3");
  CoreCounters counters;
  constexpr int kTypes = 150;
  for (int type = 0; type < kTypes; ++type) {
    for (int kind = 0; kind < kExecutorKinds; ++kind) {
      ClassCounters one;
      one.type = "type" + std::to_string(type);
      one.executor = static_cast<ExecutorKind>(kind);
      one.tasks_granted = 1;
      one.tasks_finished[2] = 2;
      one.tasks_taken = 2;
      one.run.Observe(1.0, 3);
      counters.classes.push_back(one);
    }
  }
  for (int i = 0; i < 2; ++i) metrics.Publish({.core = counters, .term = {3}});
  const std::string text = metrics.Serialize();
  const size_t more =
      kTypes + ShippedJobTypes().size() - CoordinatorMetrics::kJobTypesMax;
  EXPECT_TRUE(Has(text,
                  "remuda_metrics_label_overflow_total"
                  "{label=\"job_type\"} " +
                      std::to_string(more)));
  EXPECT_TRUE(Has(text,
                  "remuda_tasks_granted_total{executor=\"async\","
                  "job_type=\"other\"} " +
                      std::to_string(more)));
  EXPECT_TRUE(Has(text,
                  "remuda_task_run_duration_seconds_count{executor="
                  "\"async\",job_type=\"other\"} " +
                      std::to_string(3 * more)));
  EXPECT_LE(Samples(text), 10'000);
  EXPECT_LE(metrics.series(), 10'000u);
}

TEST(CoordinatorMetricsTest, TasksThatDoNotAddUpAreAViolation) {
  CoordinatorMetrics metrics("1.2.3");
  const std::string violations =
      "remuda_invariant_violations_total{invariant=\"conservation\"} ";
  CoreCounters counters = SomeCounters(1);
  metrics.Publish({.core = counters, .term = {3}});
  EXPECT_TRUE(Has(metrics.Serialize(), violations + "0"));
  counters.classes[0].pending = 6;  // one has vanished
  // Found once, not at each look.
  metrics.Publish({.core = counters, .term = {3}});
  metrics.Publish({.core = counters, .term = {3}});
  EXPECT_TRUE(Has(metrics.Serialize(), violations + "1"));
}

TEST(CoordinatorMetricsTest, StoreErrorsAreCountedByKind) {
  CoordinatorMetrics metrics("1.2.3");
  metrics.OnStoreError(absl::ResourceExhaustedError(""));
  metrics.OnStoreError(absl::FailedPreconditionError(""));
  const std::string text = metrics.Serialize();
  const std::string errors = "remuda_store_errors_total{backend=\"sqlite\",";
  EXPECT_TRUE(Has(text, errors + "kind=\"full\"} 1"));
  EXPECT_TRUE(Has(text, errors + "kind=\"refused\"} 1"));
  EXPECT_TRUE(Has(text, errors + "kind=\"io\"} 0"));
  EXPECT_TRUE(
      Has(text, "remuda_invariant_violations_total{invariant=\"store\"} 1"));
}

TEST(CoordinatorMetricsTest, PromtoolFindsNothing) {
  if (std::system("command -v promtool >/dev/null") != 0) {
    GTEST_SKIP() << "promtool is not installed (package prometheus)";
  }
  CoordinatorMetrics metrics("1.2.3");
  metrics.Publish({.core = SomeCounters(1), .term = {3}});
  const std::string path =
      std::string(::testing::TempDir()) + "/coordinator_metrics.txt";
  std::ofstream(path) << metrics.Serialize();
  const std::string command = "promtool check metrics < '" + path + "' >&2";
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace remuda

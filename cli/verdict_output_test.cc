#include "cli/verdict_output.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

constexpr char kMove[] = R"({
  "type": "python", "function": "rows:clean", "executor": "thread-pool",
  "cores": 2, "job": "12", "of_job": true,
  "executor_reason": "the spec asks for it", "code": "move",
  "sentence": "`rows:clean` on thread-pool: move it.",
  "predictions": [
    {"executor": "process-pool",
     "gain": {"low": 1.7, "middle": 1.93, "high": 2.04},
     "memory_bytes": {"low": 33554432, "middle": 50331648,
                      "high": 67108864}}],
  "advice": [{"code": "blocks", "text": "time.sleep blocks."}],
  "measures": {"attempts": 40, "mean_seconds": 0.2, "median_seconds": 0.00019,
               "p99_seconds": 2.5, "per_second": 9.8, "at_once": 2,
               "at_once_max": 2, "cpu_share": 0.51, "gil_wait_share": 0.48,
               "run_queue_share": null, "other_wait_share": 0.01,
               "process_bytes": 33554432}})";

TEST(VerdictOutput, APageHasAllOfIt) {
  EXPECT_EQ(VerdictPage(kMove),
            "`rows:clean` on thread-pool: move it.\n"
            "  time.sleep blocks.\n"
            "executor: thread-pool, because the spec asks for it\n"
            "predicted throughput and memory elsewhere:\n"
            "  process-pool  1.9x (1.7 to 2.0)       32 MiB to 64 MiB\n"
            "evidence: 40 attempts of job 12, on agents of 2 cores\n"
            "  time      mean 200.0 ms, median about 190 us, 99% within about "
            "2.5 s\n"
            "  spent     51% computing, 48% waiting for Python's lock, 1% "
            "waiting for anything else\n"
            "  at once   2.0 of at most 2, 9.8 a second\n"
            "  memory    32 MiB a process");
}

TEST(VerdictOutput, OnlyWhatIsWorthAChangeIsMentioned) {
  EXPECT_EQ(VerdictToMention(kMove), "`rows:clean` on thread-pool: move it.");
  EXPECT_EQ(VerdictToMention(R"({"code":"batch","sentence":"b"})"), "b");
  for (const char* code : {"stay", "too_few", "undecided", "cpu_unknown"}) {
    EXPECT_EQ(VerdictToMention(std::string("{\"code\":\"") + code +
                               "\",\"sentence\":\"s\"}"),
              "")
        << code;
  }
}

TEST(VerdictOutput, WhatIsMissingIsNotShown) {
  EXPECT_EQ(VerdictLines(R"({"sentence":"s"})"), "s");
  EXPECT_EQ(VerdictPage(R"({"sentence":"s","executor":"async",)"
                        R"("executor_reason":"it waits"})"),
            "s\nexecutor: async, because it waits");
  EXPECT_EQ(VerdictToMention("no JSON"), "");
}

}  // namespace
}  // namespace remuda

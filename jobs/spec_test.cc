#include "jobs/spec.h"

#include <gtest/gtest.h>

#include <chrono>

#include "jobs/job_json.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kHead =
    "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: a}\nspec:\n";

std::vector<Job> Parsed(const std::string& text) {
  SpecResult result = ParseSpec(text, "a.yaml");
  for (const SpecError& error : result.errors) {
    ADD_FAILURE() << ToText(error) << "\n" << text;
  }
  return std::move(result.jobs);
}

Job ParsedJob(const std::string& text) {
  std::vector<Job> jobs = Parsed(text);
  return jobs.empty() ? Job() : std::move(jobs.front());
}

// A job of a head and the lines of its spec.
Job ParsedSpec(const std::string& spec) {
  return ParsedJob(std::string(kHead) + spec);
}

TEST(SpecTest, ResourcesAndOutputsReachTheJob) {
  const Job job = ParsedSpec(
      "  type: command\n  with: {argv: [ls]}\n"
      "  resources: {cpu: 2, memory: 1.5Gi}\n"
      "  outputs: {to: out, files: ['*.txt', 'a/b?']}\n");
  EXPECT_EQ(job.resources,
            (Resources{.cpu = 2, .memory_bytes = uint64_t{1536} << 20}));
  EXPECT_EQ(job.outputs, (OutputRules{"out", {"*.txt", "a/b?"}}));
}

TEST(SpecTest, EveryKeyReachesTheJob) {
  const Job job = ParsedJob(R"(
# yaml-language-server: $schema=spec.json
apiVersion: remuda/v1
kind: Job
metadata:
  name: crawl-titles
  labels: {team: search, version: 1.10, on: true}
spec:
  type: http.crawl
  executor: {prefer: async}
  queue: default
  priority: -3
  tasks: {lines: in/urls.txt}
  with: {url: "{{item}}", max_bytes: 1000}
  concurrency: 50
  timeout: 1m30s
  retry:
    attempts: 3
    backoff: {initial: 500ms, factor: 1.5, max: 2m, jitter: 0}
    on: [timeout, crash, exit:3, exit:64-78]
  success: {max_failed: 1.5%}
)");
  Job expected;
  expected.name = "crawl-titles";
  expected.labels = {{"team", "search"}, {"version", "1.10"}, {"on", "true"}};
  expected.type = "http.crawl";
  expected.executor.prefer = ExecutorKind::kAsync;
  expected.priority = -3;
  expected.tasks.kind = TaskSource::Kind::kList;
  expected.tasks.written = TaskSource::Written::kLines;
  expected.tasks.path = "in/urls.txt";
  expected.with = R"({"max_bytes":1000,"url":"{{item}}"})";
  expected.concurrency = 50;
  expected.timeout = seconds(90);
  expected.retry = {.attempts_max = 3,
                    .initial = milliseconds(500),
                    .factor = 1.5,
                    .max = minutes(2),
                    .jitter = 0,
                    .on_error = false,
                    .on_timeout = true,
                    .on_crash = true,
                    .on_oom = false,
                    .on_exit = {{3, 3}, {64, 78}}};
  expected.success.failed_max_percent = 1.5;
  EXPECT_EQ(job, expected);
}

TEST(SpecTest, DefaultsAreThoseOfTheJob) {
  Job expected;
  expected.name = "a";
  expected.type = "noop";
  EXPECT_EQ(ParsedSpec("  type: noop\n"), expected);
  EXPECT_EQ(ParsedJob(R"({"apiVersion": "remuda/v1", "kind": "Job",
      "metadata": {"name": "a"}, "spec": {"type": "noop"}})"),
            expected);
}

TEST(SpecTest, HardTimeouts) {
  const Job job =
      ParsedSpec("  type: noop\n  timeout: {after: 30s, enforce: hard}\n");
  EXPECT_EQ(job.timeout, seconds(30));
  EXPECT_TRUE(job.timeout_is_hard);
  EXPECT_FALSE(
      ParsedSpec("  type: noop\n  timeout: {after: 1s}\n").timeout_is_hard);
}

TEST(SpecTest, BackoffBoundsGiveWayToWhatIsWritten) {
  const std::string begin = "  type: noop\n  retry: {attempts: 2, backoff: {";
  EXPECT_EQ(ParsedSpec(begin + "max: 100ms}}\n").retry.initial,
            milliseconds(100));
  EXPECT_EQ(ParsedSpec(begin + "initial: 5m}}\n").retry.max, minutes(5));
}

TEST(SpecTest, SourcesOfTasks) {
  TaskSource source =
      ParsedSpec("  type: noop\n  tasks: {range: {to: 9999999}}\n").tasks;
  EXPECT_EQ(source.kind, TaskSource::Kind::kRange);
  EXPECT_EQ(TaskCount(source), 10'000'000u);
  source = ParsedSpec(
               "  type: noop\n"
               "  tasks: {range: {from: 10, to: -10, step: -5}}\n")
               .tasks;
  EXPECT_EQ(TaskCount(source), 5u);
  source = ParsedSpec(
               "  type: noop\n"
               "  tasks:\n    matrix: {b: [1, two], a: [true, null, [x]]}\n")
               .tasks;
  EXPECT_EQ(source.axes.at(0).first, "b");
  EXPECT_EQ(source.axes.at(0).second,
            (std::vector<std::string>{"1", "\"two\""}));
  EXPECT_EQ(source.axes.at(1).second,
            (std::vector<std::string>{"true", "null", "[\"x\"]"}));
  source = ParsedSpec("  type: noop\n  tasks: {glob: 'a/*.txt'}\n").tasks;
  EXPECT_EQ(source.written, TaskSource::Written::kGlob);
  EXPECT_EQ(source.path, "a/*.txt");
}

TEST(SpecTest, InlineItemsKeepTheirType) {
  const TaskSource source = ParsedSpec(R"(  type: noop
  tasks:
    items: [1, 1.50, "1", no, null, true, {a: [x, "\t"]}, 0x10]
)")
                                .tasks;
  EXPECT_EQ(source.inline_items,
            (std::vector<std::string>{"1", "1.5", "\"1\"", "\"no\"", "null",
                                      "true", R"({"a":["x","\t"]})", "16"}));
  EXPECT_EQ(source.list_count, 8u);
}

TEST(SpecTest, TextParametersTakePlainWordsAsWritten) {
  const Job job = ParsedSpec(R"(  type: command
  tasks: {items: [{n: 1}]}
  with:
    argv: [sleep, 1.50, yes, "{{item.n}}", 'x {{n}}']
    env: {A: 007, B: "{{index}}"}
)");
  EXPECT_EQ(job.with,
            R"({"argv":["sleep","1.50","yes","{{item.n}}","x {{n}}"],)"
            R"("env":{"A":"007","B":"{{index}}"}})");
}

TEST(SpecTest, TemplatesStandForAnyKind) {
  EXPECT_EQ(ParsedSpec("  type: sleep\n  tasks: {range: {to: 5}}\n"
                       "  with: {seconds: '{{item}}'}\n")
                .with,
            R"({"seconds":"{{item}}"})");
  EXPECT_EQ(
      ParsedSpec("  type: command\n  with: {argv: [echo, '\\{{x}}']}\n").with,
      R"({"argv":["echo","\\{{x}}"]})");
}

TEST(SpecTest, SeveralDocuments) {
  const std::string one = std::string(kHead) + "  type: noop\n";
  std::string two = one;
  two.replace(two.find("name: a"), 7, "name: b");
  const std::vector<Job> jobs = Parsed("---\n" + one + "---\n" + two + "...\n");
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].name, "a");
  EXPECT_EQ(jobs[1].name, "b");
}

TEST(SpecTest, WindowsLineEndsAndByteOrderMark) {
  std::string text = std::string("\xEF\xBB\xBF") + kHead + "  type: noop\n";
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;
       at += 2) {
    text.replace(at, 1, "\r\n");
  }
  EXPECT_EQ(ParsedJob(text).type, "noop");
}

TEST(SpecTest, ParsedJobsTravel) {
  const Job job = ParsedSpec(R"(  type: python
  tasks: {matrix: {x: [0.1, 1e3, 1.0]}}
  with: {function: "m:f", args: [1.0, 1e22, {b: 1, a: 0.1}]}
)");
  const auto back = JobFromJson(JobToJson(job));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, job);
}

TEST(SpecTest, AMegabyteIsReadWhole) {
  std::string text =
      std::string(kHead) + "  type: noop\n  tasks:\n    items:\n";
  for (int i = 0; i < 45'000 && text.size() < (1u << 20) - 64; ++i) {
    text += "    - \"an item of the list " + std::to_string(i) + "\"\n";
  }
  const auto count = ParsedJob(text).tasks.list_count;
  EXPECT_GT(count, 20'000u);
}

}  // namespace
}  // namespace remuda

#include "cli/job_output.h"

#include "gtest/gtest.h"

namespace remuda {
namespace {

using std::chrono::seconds;

constexpr WallTime kNow{seconds(1000)};

JobSummary Summary() {
  JobSummary job;
  job.id = JobId{3};
  job.name = "crawl";
  job.type = "http.crawl";
  job.state = JobState::kFailed;
  job.executor = ExecutorKind::kAsync;
  job.total = 10;
  job.tasks[static_cast<size_t>(TaskState::kSucceeded)] = 7;
  job.tasks[static_cast<size_t>(TaskState::kFailed)] = 3;
  job.attempts = 12;
  job.accepted_at = WallTime(seconds(900));
  job.started_at = WallTime(seconds(990));
  job.reason = "3 of 10 tasks failed";
  return job;
}

TEST(JobVerdictTest, SaysItInOneSentence) {
  EXPECT_EQ(JobVerdict(Summary(), kNow),
            "crawl (job 3) failed: 7 of 10 tasks succeeded in 10.0 s "
            "(3 of 10 tasks failed)");
}

TEST(JobPageTest, SaysWhatWasNoticedOfTheCode) {
  JobSummary job = Summary();
  EXPECT_EQ(FindingNotes(job), "");
  job.findings = {{.code = "loop_blocked",
                   .text = "time.sleep blocks the event loop",
                   .function = "work",
                   .file = "/a.py",
                   .line = 3,
                   .count = 12,
                   .longest = seconds(2)}};
  const std::string note =
      "  note: time.sleep blocks the event loop (work, /a.py:3), seen 12 "
      "times, 2.0 s at most\n";
  EXPECT_EQ(FindingNotes(job), note);
  EXPECT_NE(JobPage(job, kNow).find(note), std::string::npos);
}

TEST(JobPageTest, SaysHowFarItsTasksAre) {
  JobSummary job = Summary();
  job.progress = {{.task = 3, .fraction = 0.409, .text = "reading"},
                  {.task = 4, .fraction = 1, .text = ""}};
  EXPECT_NE(JobPage(job, kNow).find("  task 3 is at 40 %: reading\n"
                                    "  task 4 is at 100 %\n"),
            std::string::npos);
}

TEST(FailureDigestTest, PutsAlikeErrorsTogether) {
  FailureDigest digest;
  EXPECT_EQ(digest.Text(5), "");
  for (uint64_t i = 0; i < 5; ++i) {
    TaskRow task;
    task.index = i;
    task.item = "\"x" + std::to_string(i) + "\"";
    task.state = i == 4 ? TaskState::kTimedOut : TaskState::kFailed;
    task.error = i < 3 ? "refused\nmore" : "late";
    if (i == 4) task.error.clear();
    digest.Add(task);
  }
  EXPECT_EQ(digest.Text(2),
            "  3 x refused\n      first: task 0 \"x0\"\n"
            "  1 x late\n      first: task 3 \"x3\"\n"
            "  1 more with other errors\n");
}

}  // namespace
}  // namespace remuda

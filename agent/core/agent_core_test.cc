#include "agent/core/agent_core.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/core/agent_core_harness.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Harness = AgentCoreHarness;

ScriptedExecutor::Script EndsAfter(Duration duration) {
  return [duration](const Attempt&) {
    return ScriptedExecutor::Plan{.runs_for = duration};
  };
}

TEST(AgentCoreTest, StartsWhatFitsInTheOrderGranted) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 3), Harness::RangeJob(2, 3)},
                {Harness::Range(1, 0, 3), Harness::Range(2, 0, 3)});
  EXPECT_EQ(harness.executor().running(),
            (std::vector<AttemptId>{Harness::Id(1, 0), Harness::Id(1, 1),
                                    Harness::Id(1, 2), Harness::Id(2, 0)}));
  EXPECT_EQ(harness.executor().started()[2].item, "2");

  harness.executor().End(Harness::Id(1, 1), {});
  harness.Turn();
  EXPECT_EQ(harness.executor().started().back().id, Harness::Id(2, 1));
}

TEST(AgentCoreTest, AnEndedAttemptIsReportedAndForgottenAfterTheAck) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.Advance(milliseconds(5));
  harness.executor().End(Harness::Id(1, 0), {.ending = Ending::kError,
                                             .exit_code = 3,
                                             .output = "{}",
                                             .error = "exit code 3"});
  harness.Turn();
  const std::vector<Results> sent = harness.Take<Results>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].sequence, 1u);
  ASSERT_EQ(sent[0].batches.size(), 1u);
  const EndingRun expected = {
      .tasks = {0, 1}, .fence = {1}, .ending = Ending::kError, .exit_code = 3};
  EXPECT_EQ(sent[0].batches[0].runs, std::vector<EndingRun>{expected});
  const std::vector<AttemptRecord> records = Harness::RecordsOf(sent[0]);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].error, "exit code 3");
  EXPECT_EQ(records[0].wall, milliseconds(5));

  EXPECT_EQ(harness.core().gauges(harness.now()).held, 1u);
  EXPECT_EQ(harness.spooled(), 1u);
  harness.AckAll();
  EXPECT_EQ(harness.core().gauges(harness.now()).held, 0u);
  EXPECT_EQ(harness.spooled(), 0u);
}

TEST(AgentCoreTest, ShortTasksTravelInFewMessages) {
  Harness harness({{ExecutorKind::kAsync, 100}});
  harness.executor().SetScript(EndsAfter(milliseconds(1)));
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 10'000)}, {Harness::Range(1, 0, 10'000)});
  // An ack comes every 20 ms.
  uint64_t ended = 0;
  size_t messages = 0;
  for (int i = 0; i < 50; ++i) {
    harness.Advance(milliseconds(20));
    for (const Results& results : harness.Take<Results>()) {
      ++messages;
      for (const EndedBatch& batch : results.batches) {
        for (const EndingRun& run : batch.runs) ended += run.tasks.count;
      }
    }
    harness.AckAll();
  }
  EXPECT_EQ(ended, 10'000u);
  EXPECT_LE(messages, 30u);
}

TEST(AgentCoreTest, TheWindowHoldsBackWhatIsNotAcked) {
  Harness harness({{ExecutorKind::kAsync, 64}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 64)}, {Harness::Range(1, 0, 64)});
  for (uint64_t task = 0; task < 64; ++task) {
    harness.executor().End(Harness::Id(1, task),
                           {.output = std::string(200'000, '1')});
    harness.Turn();
  }
  EXPECT_EQ(harness.Take<Results>().size(), Outbox::kWindow);
  EXPECT_GT(harness.spooled(), Outbox::kWindow);
  EXPECT_EQ(harness.TakeRuns().size(), 0u);
  harness.Deliver(ResultsAck{.up_to = 2});
  EXPECT_EQ(harness.Take<Results>().size(), 2u);
}

TEST(AgentCoreTest, ItemsOfAListTravelWithTheGrant) {
  Harness harness({{ExecutorKind::kAsync, 2}});
  harness.Register();
  GrantedRange range = Harness::Range(1, 5, 3);
  range.items = "\"a\"\n\"b\"\n\"c\"\n";
  harness.Grant({Harness::ListJob(1, 10)}, {range});
  harness.executor().EndAll();
  harness.Turn();
  ASSERT_EQ(harness.executor().started().size(), 3u);
  EXPECT_EQ(harness.executor().started()[0].item, "\"a\"");
  EXPECT_EQ(harness.executor().started()[2].item, "\"c\"");
  EXPECT_EQ(harness.executor().started()[2].id, Harness::Id(1, 7));
}

TEST(AgentCoreTest, AGrantThatMakesNoSenseFailsItsTasksAndNothingElse) {
  Harness harness;
  harness.Register();
  GrantedRange short_of_items = Harness::Range(1, 0, 2);
  short_of_items.items = "\"a\"\n";
  harness.Grant({Harness::ListJob(1, 10), Harness::RangeJob(2, 2),
                 JobDefinition{.job = {3}, .job_json = "no json"}},
                {short_of_items, Harness::Range(2, 1, 2),
                 Harness::Range(3, 0, 1), Harness::Range(2, 0, 1)});
  EXPECT_EQ(harness.executor().running(),
            std::vector<AttemptId>{Harness::Id(2, 0)});
  uint64_t failed = 0;
  for (const EndingRun& run : harness.TakeRunsAndAck()) {
    EXPECT_EQ(run.ending, Ending::kError);
    failed += run.tasks.count;
  }
  EXPECT_EQ(failed, 5u);
}

TEST(AgentCoreTest, AnOutputThatIsTooLongFailsTheTask) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.executor().End(Harness::Id(1, 0),
                         {.output = std::string(300'000, '1')});
  harness.Turn();
  const std::vector<Results> sent = harness.Take<Results>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].batches[0].runs[0].ending, Ending::kError);
  const AttemptRecord record = Harness::RecordsOf(sent[0])[0];
  EXPECT_EQ(record.output, "");
  EXPECT_EQ(record.error,
            "output of 300000 bytes is over the limit of 256 KiB; write it to "
            "a file and return its name");
}

TEST(AgentCoreTest, LongLogsTravelBeforeTheResult) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.logs[{"/logs/1", 1}] = std::string(600'000, 'o');
  harness.logs[{"/logs/1", 2}] = "e";
  harness.executor().End(Harness::Id(1, 0), {.log_path = "/logs/1"});
  harness.Turn();
  const std::vector<LogChunk> chunks = harness.Take<LogChunk>();
  ASSERT_EQ(chunks.size(), 4u);
  EXPECT_EQ(chunks[2].offset, 2 * LogUploads::kPieceBytes);
  EXPECT_EQ(chunks[3].stream, 2);
  EXPECT_EQ(chunks[3].bytes, "e");
  EXPECT_EQ(chunks[3].sequence, 4u);
  EXPECT_EQ(harness.folders_deleted(), std::vector<std::string>{"/logs/1"});
  harness.AckAll();
  const std::vector<Results> results = harness.Take<Results>();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].sequence, 5u);
}

TEST(AgentCoreTest, ALogPastItsCapIsCut) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.logs[{"/logs/1", 1}] = std::string(17u << 20, 'o');
  harness.executor().End(Harness::Id(1, 0), {.log_path = "/logs/1"});
  uint64_t bytes = 0;
  for (int i = 0; i < 100; ++i) {
    harness.Turn();
    const std::vector<LogChunk> chunks = harness.Take<LogChunk>();
    EXPECT_LE(chunks.size(), Outbox::kWindow);
    for (const LogChunk& chunk : chunks) bytes += chunk.bytes.size();
    harness.AckAll();
  }
  EXPECT_EQ(bytes, LogUploads::kStreamBytesMax);
  EXPECT_EQ(harness.TakeRuns().size(), 1u);
}

TEST(AgentCoreTest, AFullSpoolStopsNewWork) {
  Harness harness({{ExecutorKind::kAsync, 1}});
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 3)}, {Harness::Range(1, 0, 3)});
  harness.Take<Heartbeat>();
  harness.core().OnSpool(/*is_full=*/true);
  harness.executor().EndAll();
  harness.Turn();
  EXPECT_EQ(harness.executor().running().size(), 0u);
  const std::vector<Heartbeat> heartbeats = harness.Take<Heartbeat>();
  ASSERT_EQ(heartbeats.size(), 1u);
  EXPECT_EQ(heartbeats[0].credits[0].tasks, 0u);

  harness.core().OnSpool(/*is_full=*/false);
  harness.Turn();
  EXPECT_EQ(harness.executor().running().size(), 1u);
  EXPECT_GE(harness.Take<Heartbeat>()[0].credits[0].tasks, 1u);
}

TEST(AgentCoreTest, RunningDryRaisesTheCreditOfShortTasks) {
  Harness harness({{ExecutorKind::kAsync, 10}});
  harness.executor().SetScript(EndsAfter(milliseconds(1)));
  harness.Register();
  uint64_t credit = harness.Take<Heartbeat>()[0].credits[0].tasks;
  EXPECT_EQ(credit, 10u);
  uint64_t first = 0;
  for (int i = 0; i < 6; ++i) {
    harness.Grant({Harness::RangeJob(1, 1'000'000)},
                  {Harness::Range(1, first, credit)});
    first += credit;
    harness.Advance(milliseconds(200));
    harness.TakeRunsAndAck();
    for (const Heartbeat& heartbeat : harness.Take<Heartbeat>()) {
      credit = heartbeat.credits[0].tasks;
    }
  }
  EXPECT_GT(credit, 500u);
}

TEST(AgentCoreTest, LongTasksGetNoBacklog) {
  Harness harness({{ExecutorKind::kAsync, 10}});
  harness.executor().SetScript(EndsAfter(seconds(1)));
  harness.Register();
  for (uint64_t i = 0; i < 5; ++i) {
    harness.Grant({Harness::RangeJob(1, 1000)},
                  {Harness::Range(1, i * 10, 10)});
    harness.Advance(seconds(3));
    for (const Heartbeat& heartbeat : harness.Take<Heartbeat>()) {
      EXPECT_EQ(heartbeat.credits[0].tasks, 10u);
    }
    harness.TakeRunsAndAck();
  }
}

Finding Blocked(uint64_t task, Duration duration) {
  return {.job = JobId{1},
          .task = task,
          .code = "loop_blocked",
          .text = "time.sleep blocks the event loop",
          .function = "work",
          .file = "/a.py",
          .line = 3,
          .duration = duration};
}

TEST(AgentCoreTest, FindingsAreToldWhileTheirTaskRuns) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 3)}, {Harness::Range(1, 0, 3)});
  harness.executor().Notice(Blocked(1, milliseconds(250)));
  harness.Turn();
  const std::vector<Findings> told = harness.Take<Findings>();
  ASSERT_EQ(told.size(), 1u);
  ASSERT_EQ(told[0].items.size(), 1u);
  EXPECT_EQ(told[0].items[0].finding.function, "work");
  ASSERT_FALSE(harness.notes().empty());
  EXPECT_EQ(harness.notes().back().code, "finding");
  EXPECT_EQ(harness.notes().back().text,
            "job 1, task 1: time.sleep blocks the event loop (work, /a.py:3), "
            "0.2 s at most");
  EXPECT_EQ(harness.core().counters().findings[0], 1u);

  harness.executor().Notice(Blocked(2, milliseconds(250)));
  harness.Turn();
  EXPECT_TRUE(harness.Take<Findings>().empty());
  harness.Advance(FindingsBook::kPause);
  EXPECT_EQ(harness.Take<Findings>().size(), 1u);
}

TEST(AgentCoreTest, FindingsLeaveBeforeTheResultsOfTheirJob) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.executor().Notice(Blocked(0, milliseconds(250)));
  harness.Turn();
  harness.executor().Notice(Blocked(0, milliseconds(900)));
  harness.executor().End(Harness::Id(1, 0), {});
  harness.Turn();
  const std::vector<Findings> told = harness.Take<Findings>();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].items[0].finding.longest, milliseconds(900));
  EXPECT_EQ(harness.Take<Results>().size(), 1u);
}

TEST(AgentCoreTest, FindingsWaitForASession) {
  Harness harness;
  harness.Register();
  harness.Grant({Harness::RangeJob(1, 1)}, {Harness::Range(1, 0, 1)});
  harness.core().OnDisconnected(harness.now());
  harness.executor().Notice(Blocked(0, milliseconds(250)));
  harness.Turn();
  EXPECT_TRUE(harness.Take<Findings>().empty());
  harness.Register();
  EXPECT_EQ(harness.Take<Findings>().size(), 1u);
}

}  // namespace
}  // namespace remuda

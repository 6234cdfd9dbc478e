#include "executors/workers/worker_frames.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

// Attempts, and how a worker gets them.
struct Batch {
  std::vector<Attempt> attempts;
  std::vector<WorkerTask> tasks;
};

Batch Tasks(const std::string& with, size_t count) {
  auto work = std::make_shared<JobWork>();
  work->id = JobId{3};
  work->job.type = "python";
  auto parameters = ParameterTemplate::Parse(with);
  EXPECT_TRUE(parameters.ok());
  work->parameters = *parameters;
  Batch batch;
  batch.attempts.resize(count);
  for (size_t i = 0; i < count; ++i) {
    batch.attempts[i] = {
        .id = {JobId{3}, 10 + i, Fence{2}}, .work = work, .item = "null"};
    batch.tasks.push_back(
        {.number = 5 + i, .attempt = &batch.attempts[i], .parameters = {}});
  }
  return batch;
}

TEST(WorkerFramesTest, NeighboursTravelAsARange) {
  Batch batch = Tasks(R"({"a":1})", 3);
  EXPECT_EQ(TasksMessage(batch.tasks, true),
            R"({"type":"tasks","job_type":"python","job":"3",)"
            R"("parameters":{"a":1},)"
            R"("range":{"id":"5","count":3,"index":"10","attempt":2}})");
}

TEST(WorkerFramesTest, OthersTravelOneByOne) {
  Batch batch = Tasks("{}", 2);
  batch.attempts[1].item = "\"x\"";
  EXPECT_EQ(TasksMessage(batch.tasks, true),
            R"({"type":"tasks","job_type":"python","job":"3",)"
            R"("parameters":{},"tasks":[)"
            R"({"id":"5","index":"10","attempt":2,"item":null},)"
            R"({"id":"6","index":"11","attempt":2,"item":"x"}]})");
  // A handler that does not look at items may get a range all the same.
  EXPECT_NE(TasksMessage(batch.tasks, false).find("range"), std::string::npos);
}

TEST(WorkerFramesTest, PreparingNamesTheParametersOfATask) {
  Batch batch = Tasks(R"({"a":1})", 1);
  EXPECT_EQ(PrepareMessage(batch.tasks[0]),
            R"({"type":"prepare","job_type":"python","job":"3",)"
            R"("parameters":{"a":1}})");
  batch.tasks[0].parameters = R"({"a":2})";
  EXPECT_EQ(PrepareMessage(batch.tasks[0]),
            R"({"type":"prepare","job_type":"python","job":"3",)"
            R"("parameters":{"a":2}})");
}

TEST(WorkerFramesTest, ResultsOfOneAndOfMany) {
  auto one = ParseWorkerMessage(
      R"({"type":"result","id":"7","output":"[1]","wall_ns":5,"new":{}})");
  ASSERT_TRUE(one.ok()) << one.status();
  const auto& single = std::get<std::vector<WorkerResult>>(*one);
  ASSERT_EQ(single.size(), 1u);
  EXPECT_EQ(single[0].first, 7u);
  EXPECT_EQ(single[0].output, "[1]");
  EXPECT_EQ(single[0].wall, Duration(5));
  auto many =
      ParseWorkerMessage(R"({"type":"results","results":[{"id":"1","count":4},)"
                         R"({"id":"5","ending":"error","error":"no"},)"
                         R"({"id":"6","ending":"returned"}]})");
  ASSERT_TRUE(many.ok()) << many.status();
  const auto& several = std::get<std::vector<WorkerResult>>(*many);
  ASSERT_EQ(several.size(), 3u);
  EXPECT_EQ(several[0].count, 4u);
  EXPECT_EQ(several[1].ending, WorkerResult::Ending::kError);
  EXPECT_EQ(several[2].ending, WorkerResult::Ending::kReturned);
}

TEST(WorkerFramesTest, TimesBeyondAllReasonAreNotKnown) {
  auto message = ParseWorkerMessage(
      R"({"type":"result","id":"7","wall_ns":9223372036854775808,)"
      R"("cpu_ns":18446744073709551615})");
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& results = std::get<std::vector<WorkerResult>>(*message);
  EXPECT_EQ(results[0].wall, Duration::zero());
  EXPECT_EQ(results[0].usage.cpu, std::nullopt);
}

TEST(WorkerFramesTest, ARangeOfResultsDoesNotPassTheLastNumber) {
  EXPECT_FALSE(ParseWorkerMessage(
                   R"({"type":"result","id":"18446744073709551615","count":2})")
                   .ok());
}

TEST(WorkerFramesTest, AnOutputThatIsNotJsonFailsItsTask) {
  auto message =
      ParseWorkerMessage(R"({"type":"result","id":"7","output":"{"})");
  ASSERT_TRUE(message.ok());
  const auto& results = std::get<std::vector<WorkerResult>>(*message);
  EXPECT_EQ(results[0].ending, WorkerResult::Ending::kError);
  EXPECT_EQ(results[0].output, "");
}

TEST(WorkerFramesTest, AFindingTellsWhereAndHowLong) {
  auto message = ParseWorkerMessage(
      R"({"type":"finding","code":"loop_blocked","job":"3","id":"7",)"
      R"("text":"t","function":"f","file":"m.py","line":12,"seconds":1.5})");
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& finding = std::get<WorkerFinding>(*message);
  EXPECT_EQ(finding.task, 7u);
  EXPECT_EQ(finding.finding.job, JobId{3});
  EXPECT_EQ(finding.finding.code, "loop_blocked");
  EXPECT_EQ(finding.finding.file, "m.py");
  EXPECT_EQ(finding.finding.line, 12u);
  EXPECT_EQ(finding.finding.duration, std::chrono::milliseconds(1500));
}

TEST(WorkerFramesTest, ProgressIsOfATask) {
  auto message = ParseWorkerMessage(
      R"({"type":"progress","id":"7","fraction":1.5,"text":"nearly"})");
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& told = std::get<WorkerFinding>(*message);
  EXPECT_EQ(told.task, 7u);
  EXPECT_EQ(told.finding.progress, 1.0);
  EXPECT_EQ(told.finding.text, "nearly");
  EXPECT_FALSE(ParseWorkerMessage(R"({"type":"progress","id":"7"})").ok());
  EXPECT_FALSE(
      ParseWorkerMessage(R"({"type":"progress","fraction":0.5})").ok());
}

TEST(WorkerFramesTest, FactsSayWhetherThereIsALock) {
  auto message = ParseWorkerMessage(
      R"({"type":"hello","protocol":2,"facts":{"gil":false}})");
  ASSERT_TRUE(message.ok());
  EXPECT_TRUE(std::get<WorkerHello>(*message).is_free_threaded);
  EXPECT_EQ(std::get<WorkerHello>(*message).facts, R"({"gil":false})");
  for (const char* with_lock :
       {R"({"type":"hello","facts":{"gil":true}})",
        R"({"type":"hello","facts":[]})", R"({"type":"hello","facts":{}})"}) {
    message = ParseWorkerMessage(with_lock);
    ASSERT_TRUE(message.ok());
    EXPECT_FALSE(std::get<WorkerHello>(*message).is_free_threaded);
  }
  message = ParseWorkerMessage(R"({"type":"facts","facts":{"gil":true}})");
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(std::get<WorkerFacts>(*message).json, R"({"gil":true})");
}

TEST(WorkerFramesTest, AFindingsWordsAreBounded) {
  // Cut between characters, not within one.
  std::string words = "x";
  while (words.size() <= kFindingTextMax) words += "\u00e9";
  auto message = ParseWorkerMessage(
      "{\"type\":\"finding\",\"code\":\"c\",\"job\":\"3\",\"text\":\"" + words +
      "\",\"seconds\":1e300}");
  ASSERT_TRUE(message.ok()) << message.status();
  const Finding& finding = std::get<WorkerFinding>(*message).finding;
  EXPECT_LE(finding.text.size(), kFindingTextMax);
  EXPECT_EQ(finding.text.size() % 2, 1u);
  EXPECT_GT(finding.duration, Duration::zero());
}

TEST(WorkerFramesTest, AnOldHelloOffersOneTaskAtATime) {
  auto message = ParseWorkerMessage(R"({"type":"hello","protocol":2})");
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(std::get<WorkerHello>(*message).modes,
            std::vector<std::string>{"process"});
}

TEST(WorkerFramesTest, RefusesWhatBreaksTheProtocol) {
  for (const char* bad :
       {"", "[]", "{", R"({"type":"nonsense"})", R"({"type":"result"})",
        R"({"type":"results"})", R"({"type":"results","results":[1]})",
        R"({"type":"result","id":"1","ending":"odd"})",
        R"({"type":"result","id":"1","count":0})",
        R"({"type":"finding","job":"3","text":"no code"})",
        R"({"type":"finding","code":"No Code"})"}) {
    EXPECT_FALSE(ParseWorkerMessage(bad).ok()) << bad;
  }
}

TEST(WorkerFramesTest, AFullLoopSaysSo) {
  const auto message = ParseWorkerMessage(R"({"type":"full","more":1})");
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_TRUE(std::holds_alternative<WorkerFull>(*message));
}

}  // namespace
}  // namespace remuda

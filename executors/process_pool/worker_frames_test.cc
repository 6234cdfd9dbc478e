#include "executors/process_pool/worker_frames.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

std::vector<PoolTask> Tasks(const std::string& with, size_t count) {
  auto work = std::make_shared<JobWork>();
  work->id = JobId{3};
  work->job.type = "python";
  auto parameters = ParameterTemplate::Parse(with);
  EXPECT_TRUE(parameters.ok());
  work->parameters = *parameters;
  std::vector<PoolTask> tasks(count);
  for (size_t i = 0; i < count; ++i) {
    tasks[i].attempt.id = {JobId{3}, 10 + i, Fence{2}};
    tasks[i].attempt.work = work;
    tasks[i].attempt.item = "null";
    tasks[i].worker_task = 5 + i;
  }
  return tasks;
}

std::vector<PoolTask*> Pointers(std::vector<PoolTask>& tasks) {
  std::vector<PoolTask*> pointers;
  for (PoolTask& task : tasks) pointers.push_back(&task);
  return pointers;
}

TEST(WorkerFramesTest, NeighboursTravelAsARange) {
  std::vector<PoolTask> tasks = Tasks(R"({"a":1})", 3);
  EXPECT_EQ(TasksMessage(Pointers(tasks), true),
            R"({"type":"tasks","job_type":"python","job":"3",)"
            R"("parameters":{"a":1},)"
            R"("range":{"id":"5","count":3,"index":"10","attempt":2}})");
}

TEST(WorkerFramesTest, OthersTravelOneByOne) {
  std::vector<PoolTask> tasks = Tasks("{}", 2);
  tasks[1].attempt.item = "\"x\"";
  EXPECT_EQ(TasksMessage(Pointers(tasks), true),
            R"({"type":"tasks","job_type":"python","job":"3",)"
            R"("parameters":{},"tasks":[)"
            R"({"id":"5","index":"10","attempt":2,"item":null},)"
            R"({"id":"6","index":"11","attempt":2,"item":"x"}]})");
  // A handler that does not look at items may get a range all the same.
  EXPECT_NE(TasksMessage(Pointers(tasks), false).find("range"),
            std::string::npos);
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
  EXPECT_EQ(results[0].cpu, std::nullopt);
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

TEST(WorkerFramesTest, RefusesWhatBreaksTheProtocol) {
  for (const char* bad :
       {"", "[]", "{", R"({"type":"nonsense"})", R"({"type":"result"})",
        R"({"type":"results"})", R"({"type":"results","results":[1]})",
        R"({"type":"result","id":"1","ending":"odd"})",
        R"({"type":"result","id":"1","count":0})"}) {
    EXPECT_FALSE(ParseWorkerMessage(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace remuda

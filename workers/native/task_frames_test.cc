#include "workers/native/task_frames.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(TaskFramesTest, ARangeIsManyTasks) {
  auto message = ParsePoolMessage(
      R"({"type":"tasks","job_type":"noop","job":"3","parameters":{"a":1},)"
      R"("range":{"id":"5","count":3,"index":"10","attempt":2}})");
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& batch = std::get<TaskBatch>(*message);
  EXPECT_EQ(batch.work->job.type, "noop");
  EXPECT_EQ(batch.parameters, R"({"a":1})");
  ASSERT_EQ(batch.tasks.size(), 3u);
  EXPECT_EQ(batch.tasks[2].number, 7u);
  EXPECT_EQ(batch.tasks[2].id, (AttemptId{JobId{3}, 12, Fence{2}}));
}

TEST(TaskFramesTest, TasksWithParametersOfTheirOwn) {
  auto message = ParsePoolMessage(
      R"({"type":"tasks","job_type":"sleep","job":"3","tasks":[)"
      R"({"id":"5","index":"1","attempt":1,"parameters":{"seconds":2}},)"
      R"({"id":"6","index":"9","attempt":1}],"unknown":true})");
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& batch = std::get<TaskBatch>(*message);
  ASSERT_EQ(batch.tasks.size(), 2u);
  EXPECT_EQ(batch.tasks[0].parameters, R"({"seconds":2})");
  EXPECT_EQ(batch.tasks[1].parameters, "");
  EXPECT_EQ(batch.tasks[1].id.task, 9u);
}

TEST(TaskFramesTest, RefusesWhatIsNotAMessage) {
  for (const char* bad :
       {"", "{", R"({"type":"tasks"})", R"({"type":"tasks","tasks":5})",
        R"({"type":"tasks","range":{"id":"1","count":99999999999}})",
        R"({"type":7})"}) {
    EXPECT_FALSE(ParsePoolMessage(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace remuda

#include "executors/admission.h"

#include <vector>

#include "gtest/gtest.h"

namespace remuda {
namespace {

std::vector<Attempt> Batch(std::vector<TaskIndex> tasks) {
  std::vector<Attempt> batch;
  for (const TaskIndex task : tasks) {
    batch.push_back(
        {.id = {JobId{1}, task, Fence{1}}, .work = nullptr, .item = "null"});
  }
  return batch;
}

Outcome Of(TaskIndex task) {
  Outcome outcome;
  outcome.id = {JobId{1}, task, Fence{1}};
  return outcome;
}

TEST(AdmissionTest, HoldsUntilReleased) {
  Admission admission(3);
  ASSERT_TRUE(admission.Admit(Batch({1, 2}), admission.room()).ok());
  EXPECT_EQ(admission.room(), 1u);
  EXPECT_TRUE(admission.holds(Of(1).id));
  admission.Release(std::vector{Of(1), Of(2)});
  EXPECT_EQ(admission.room(), 3u);
  EXPECT_FALSE(admission.holds(Of(1).id));
}

TEST(AdmissionTest, TakesABatchWholeOrNotAtAll) {
  Admission admission(3);
  EXPECT_EQ(admission.Admit(Batch({1, 2, 3, 4}), 3).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(admission.Admit(Batch({1, 2, 1}), 3).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(admission.room(), 3u);
  // What was held before a refused batch is still held.
  ASSERT_TRUE(admission.Admit(Batch({1}), 3).ok());
  EXPECT_FALSE(admission.Admit(Batch({2, 1}), 2).ok());
  EXPECT_TRUE(admission.holds(Of(1).id));
  EXPECT_FALSE(admission.holds(Of(2).id));
}

TEST(AdmissionTest, ClosedTakesNothing) {
  Admission admission(3);
  admission.Close();
  EXPECT_EQ(admission.Admit(Batch({1}), 3).code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace remuda

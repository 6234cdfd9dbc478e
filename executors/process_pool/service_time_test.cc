#include "executors/process_pool/service_time.h"

#include <gtest/gtest.h>

#include <chrono>

namespace remuda {
namespace {

ServiceTime Of(Duration taken) {
  ServiceTime time;
  for (int i = 0; i < 8; ++i) time.Add(Ending::kSucceeded, taken);
  return time;
}

TEST(ServiceTimeTest, NobodyWaitsBehindWhatIsUnknown) {
  ServiceTime time;
  time.Add(Ending::kCancelled, std::chrono::milliseconds(1));
  EXPECT_FALSE(time.known());
  EXPECT_EQ(time.Waiting(), 0u);
  EXPECT_EQ(time.WaitingInLine(), 0u);
  EXPECT_EQ(time.EachSlotMax(), 1u);
}

TEST(ServiceTimeTest, OfShortTasksSoManyWaitThatNoneWaitsLong) {
  const ServiceTime time = Of(std::chrono::milliseconds(1));
  EXPECT_EQ(time.Waiting(), 5u);
  EXPECT_EQ(time.WaitingInLine(), 5u);
  EXPECT_EQ(time.EachSlotMax(), 6u);
  EXPECT_EQ(Of(std::chrono::nanoseconds(0)).Waiting(),
            ServiceTime::kWaitingMax);
}

TEST(ServiceTimeTest, OneOfSomeMillisecondsWaitsWhereTheLineIsLong) {
  const ServiceTime time = Of(std::chrono::milliseconds(20));
  EXPECT_EQ(time.Waiting(), 0u);
  EXPECT_EQ(time.WaitingInLine(), 1u);
  EXPECT_EQ(time.EachSlotMax(), 3u);
}

TEST(ServiceTimeTest, ALongTaskNeverWaitsBehindAnother) {
  const ServiceTime time = Of(std::chrono::milliseconds(51));
  EXPECT_EQ(time.WaitingInLine(), 0u);
  EXPECT_EQ(time.EachSlotMax(), 1u);
}

}  // namespace
}  // namespace remuda

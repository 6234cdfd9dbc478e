#include "executors/handlers/blocking_handlers.h"

#include <chrono>
#include <memory>
#include <stop_token>

#include "base/clock.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

TEST(BlockingHandlersTest, SleepTakesItsTime) {
  BlockingHandlers handlers = ShippedBlockingHandlers();
  const SystemClock clock;
  const MonotonicTime began = clock.Now();
  const HandlerResult result = handlers["sleep"]->Run(
      {}, R"({"seconds": 0.02})", nullptr, std::stop_token());
  EXPECT_EQ(result.ending, Ending::kSucceeded);
  EXPECT_GE(clock.Now() - began, std::chrono::milliseconds(20));
}

TEST(BlockingHandlersTest, SleepStopsWhenAsked) {
  BlockingHandlers handlers = ShippedBlockingHandlers();
  std::stop_source stop;
  stop.request_stop();
  const HandlerResult result = handlers["sleep"]->Run(
      {}, R"({"seconds": 3000})", nullptr, stop.get_token());
  EXPECT_EQ(result.ending, Ending::kCancelled);
}

TEST(BlockingHandlersTest, NoopDoesNothing) {
  BlockingHandlers handlers = ShippedBlockingHandlers();
  const HandlerResult result =
      handlers["noop"]->Run({}, "{}", nullptr, std::stop_token());
  EXPECT_EQ(result.ending, Ending::kSucceeded);
  EXPECT_EQ(result.output, "");
}

}  // namespace
}  // namespace remuda

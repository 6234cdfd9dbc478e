#include "wire/stop_flag.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace remuda {
namespace {

bool Readable(const StopFlag& flag) {
  pollfd item{.fd = flag.fd(), .events = POLLIN, .revents = 0};
  return poll(&item, 1, 0) == 1;
}

TEST(StopFlag, StaysSetAndWakesPoll) {
  auto flag = StopFlag::Make();
  ASSERT_TRUE(flag.ok());
  EXPECT_FALSE(flag->IsSet());
  EXPECT_FALSE(Readable(*flag));
  // Far more often than the pipe has room for.
  for (int i = 0; i < 100'000; ++i) flag->Set();
  EXPECT_TRUE(flag->IsSet());
  EXPECT_TRUE(Readable(*flag));
}

}  // namespace
}  // namespace remuda

#include "executors/processes/lease_page.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

namespace remuda {
namespace {

TEST(LeasePageTest, TellsAnotherProcessTheLatestEnd) {
  auto page = LeasePage::Make();
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_FALSE(page->end().has_value());
  const pid_t other = fork();
  if (other == 0) {
    auto same = LeasePage::Open(UniqueFd(fcntl(page->fd(), F_DUPFD, 0)));
    same->SetEnd(MonotonicTime(std::chrono::seconds(7)));
    _exit(same->end() == MonotonicTime(std::chrono::seconds(7)) ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(page->end(), MonotonicTime(std::chrono::seconds(7)));
}

TEST(LeasePageTest, WhatIsNoPageIsAnError) {
  EXPECT_FALSE(LeasePage::Open(UniqueFd()).ok());
}

}  // namespace
}  // namespace remuda

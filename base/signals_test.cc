#include "base/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace remuda {
namespace {

class SignalSetTest : public testing::Test {
 protected:
  const SystemClock clock_;
  EventLoop loop_{clock_};
  SignalSet signals_{{SIGTERM, SIGINT, SIGCHLD}};
};

TEST_F(SignalSetTest, DeliversOnTheLoop) {
  std::vector<int> got;
  kill(getpid(), SIGTERM);  // before anybody watches
  signals_.Watch(loop_, [&](int signal) {
    loop_.CheckOnThread();
    got.push_back(signal);
    if (got.size() == 2) loop_.Stop();
  });
  kill(getpid(), SIGINT);
  loop_.Run();
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, (std::vector<int>{SIGINT, SIGTERM}));
}

TEST_F(SignalSetTest, ThreadsStartedLaterDoNotTakeThem) {
  int got = 0;
  signals_.Watch(loop_, [&](int signal) {
    got = signal;
    loop_.Stop();
  });
  std::thread([] { kill(getpid(), SIGTERM); }).join();
  loop_.Run();
  EXPECT_EQ(got, SIGTERM);
}

TEST_F(SignalSetTest, TellsOfChildren) {
  bool reaped = false;
  signals_.Watch(loop_, [&](int signal) {
    EXPECT_EQ(signal, SIGCHLD);
    reaped = waitpid(-1, nullptr, WNOHANG) > 0;
    loop_.Stop();
  });
  const pid_t child = fork();
  if (child == 0) _exit(0);
  loop_.Run();
  EXPECT_TRUE(reaped);
}

TEST_F(SignalSetTest, TheHandlerMayEndTheWatch) {
  int calls = 0;
  signals_.Watch(loop_, [&](int) {
    ++calls;
    signals_.Unwatch();
  });
  kill(getpid(), SIGTERM);
  kill(getpid(), SIGINT);
  loop_.RunReady();
  EXPECT_EQ(calls, 1);
  signals_.Watch(loop_, [&](int) { ++calls; });
  loop_.RunReady();
  EXPECT_EQ(calls, 2) << "the other one waited";
}

TEST_F(SignalSetTest, UnblockLetsAChildBeKilledAgain) {
  const pid_t child = fork();
  if (child == 0) {
    SignalSet::Unblock();
    raise(SIGTERM);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  signals_.Watch(loop_, [](int) {});  // takes the SIGCHLD
  loop_.RunReady();
}

}  // namespace
}  // namespace remuda

#include "executors/processes/zygote_keeper.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "executors/processes/spawner.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kPatienceMilliseconds = 60'000;  // reaching it is a failure

// What the programs do as zygotes is not looked at here, only when there are
// some; so any program will do.
class ZygoteKeeperTest : public testing::Test {
 protected:
  ~ZygoteKeeperTest() override {
    keeper_ = ZygoteKeeper();
    while (waitpid(-1, nullptr, 0) > 0) {
    }
  }

  static SpawnRequest Request(std::vector<std::string> argv) {
    SpawnRequest request;
    request.argv = std::move(argv);
    request.environment = {kChildPath, "REMUDA_MARK=m-1"};
    request.mark = "m-1";
    request.directory = "/";
    request.descriptors = 0b11110;
    request.zygote = "process";
    return request;
  }

  // Asks for a start; whether there is a zygote of any program afterwards.
  bool StartAt(const SpawnRequest& request, Duration after) {
    EXPECT_FALSE(keeper_
                     .Start(ZygoteKeeper::KeyOf(request), request,
                            ChildPlan{.argv = request.argv,
                                      .environment = request.environment,
                                      .directory = "/",
                                      .descriptors = {-1, 1, 2, 2, 2},
                                      .groups = {}},
                            start_ + after, seconds(1))
                     .has_value());
    return Count() > 0;
  }

  size_t Count() const {
    std::vector<pollfd> watched;
    keeper_.AddWatched(watched);
    EXPECT_EQ(keeper_.look_milliseconds() >= 0, !watched.empty());
    return watched.size();
  }

  void LookAt(Duration after) { keeper_.Look(start_ + after); }

  void ReapAll() {
    for (pid_t pid = 0; (pid = waitpid(-1, nullptr, 0)) > 0;) {
      EXPECT_TRUE(keeper_.Has(pid));
      EXPECT_TRUE(keeper_.Reaped(pid));
      EXPECT_FALSE(keeper_.Has(pid));
    }
  }

  void AwaitNews() const {
    std::vector<pollfd> watched;
    keeper_.AddWatched(watched);
    ASSERT_GT(poll(watched.data(), watched.size(), kPatienceMilliseconds), 0);
  }

  const MonotonicTime start_{std::chrono::hours(1)};
  const SpawnRequest waiting_ = Request({"sleep", "1000"});
  const SpawnRequest failing_ = Request({"true"});
  ZygoteKeeper keeper_;
};

TEST_F(ZygoteKeeperTest, AKeyIsOfWhatMattersAtTheStart) {
  const std::string key = ZygoteKeeper::KeyOf(waiting_);
  EXPECT_FALSE(key.empty());
  SpawnRequest other = waiting_;
  other.mark = "m-22";
  other.environment.back() = "REMUDA_MARK=m-22";
  other.directory = "/tmp";
  other.limits.memory_bytes = 1;
  EXPECT_EQ(ZygoteKeeper::KeyOf(other), key);
  EXPECT_NE(ZygoteKeeper::KeyOf(failing_), key);
  SpawnRequest with_caps = waiting_;
  with_caps.environment.insert(with_caps.environment.begin(),
                               "OMP_NUM_THREADS=2");
  EXPECT_NE(ZygoteKeeper::KeyOf(with_caps), key);
  SpawnRequest loop = waiting_;
  loop.zygote = "loop";
  EXPECT_NE(ZygoteKeeper::KeyOf(loop), key);
  // One word more is not one variable more.
  SpawnRequest shifted = waiting_;
  shifted.argv.push_back(shifted.environment.front());
  shifted.environment.erase(shifted.environment.begin());
  EXPECT_NE(ZygoteKeeper::KeyOf(shifted), key);
}

TEST_F(ZygoteKeeperTest, WhatIsUnusualHasNone) {
  SpawnRequest request = waiting_;
  request.zygote.clear();
  EXPECT_EQ(ZygoteKeeper::KeyOf(request), "");
  request = waiting_;
  request.descriptors = 0b111;
  EXPECT_EQ(ZygoteKeeper::KeyOf(request), "");
  request = waiting_;
  std::swap(request.environment[0], request.environment[1]);
  EXPECT_EQ(ZygoteKeeper::KeyOf(request), "") << "the mark is not last";
}

TEST_F(ZygoteKeeperTest, OneBeginsWhenWhatHasEndedIsStartedAgainSoon) {
  const std::string key = ZygoteKeeper::KeyOf(waiting_);
  EXPECT_FALSE(StartAt(waiting_, seconds(0)));
  EXPECT_FALSE(StartAt(waiting_, seconds(0)));
  keeper_.Ended(key, start_ + seconds(1));
  EXPECT_FALSE(StartAt(failing_, seconds(1))) << "another program";
  EXPECT_FALSE(StartAt(waiting_, seconds(12))) << "long after";
  keeper_.Ended(key, start_ + seconds(20));
  EXPECT_TRUE(StartAt(waiting_, seconds(21)));
  EXPECT_TRUE(StartAt(waiting_, seconds(21)));
  EXPECT_EQ(Count(), 1u);
}

TEST_F(ZygoteKeeperTest, OneThatDoesNotGetReadyIsGivenUp) {
  keeper_.Ended(ZygoteKeeper::KeyOf(waiting_), start_);
  EXPECT_TRUE(StartAt(waiting_, seconds(1)));
  LookAt(seconds(2));
  EXPECT_EQ(Count(), 1u);
  LookAt(seconds(12));
  EXPECT_EQ(Count(), 0u);
}

TEST_F(ZygoteKeeperTest, AfterEachFailureThePauseIsLonger) {
  const std::string key = ZygoteKeeper::KeyOf(failing_);
  Duration now = seconds(0);
  Duration pause = ZygoteKeeper::kPauseFirst;
  for (int i = 0; i < 4; ++i) {
    keeper_.Ended(key, start_ + now);
    ASSERT_TRUE(StartAt(failing_, now)) << i;
    AwaitNews();
    if (i == 2) ReapAll();  // before it is known to have ended
    LookAt(now);
    EXPECT_EQ(Count(), 0u);
    keeper_.Ended(key, start_ + now + pause - milliseconds(1));
    EXPECT_FALSE(StartAt(failing_, now + pause - milliseconds(1)));
    now += pause;
    pause *= 2;
  }
}

TEST_F(ZygoteKeeperTest, ThereAreNoMoreThanItsLimit) {
  for (size_t i = 0; i < ZygoteKeeper::kZygotesMax + 2; ++i) {
    const SpawnRequest request = Request({"sleep", std::to_string(1000 + i)});
    keeper_.Ended(ZygoteKeeper::KeyOf(request), start_);
    StartAt(request, seconds(0));
  }
  EXPECT_EQ(Count(), ZygoteKeeper::kZygotesMax);
  // Programs without end are not remembered for ever.
  for (int i = 0; i < 1000; ++i) {
    keeper_.Ended("key " + std::to_string(i), start_);
  }
  EXPECT_EQ(Count(), ZygoteKeeper::kZygotesMax);
}

}  // namespace
}  // namespace remuda

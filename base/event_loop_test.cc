#include "base/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/file_descriptor.h"
#include "base/manual_clock.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class EventLoopTest : public testing::Test {
 protected:
  ManualClock clock_;
  EventLoop loop_{clock_};
  std::string ran_;
};

TEST_F(EventLoopTest, RunsPostsInOrder) {
  loop_.Post([this] {
    ran_ += "a";
    loop_.Post([this] { ran_ += "c"; });
  });
  loop_.Post([this] { ran_ += "b"; });
  loop_.RunReady();
  EXPECT_EQ(ran_, "abc");
  EXPECT_EQ(loop_.counters().tasks, 3u);
}

TEST_F(EventLoopTest, TimersFollowTheClock) {
  loop_.RunAfter(seconds(2), [this] { ran_ += "b"; });
  loop_.RunAt(clock_.Now() + seconds(1), [this] { ran_ += "a"; });
  const TimerId cancelled = loop_.RunAfter(seconds(1), [] { FAIL(); });
  EXPECT_TRUE(loop_.CancelTimer(cancelled));
  EXPECT_FALSE(loop_.CancelTimer(cancelled));
  loop_.RunReady();
  EXPECT_EQ(ran_, "");
  clock_.Advance(seconds(1));
  loop_.RunReady();
  EXPECT_EQ(ran_, "a");
  clock_.Advance(seconds(9));
  loop_.RunReady();
  EXPECT_EQ(ran_, "ab");
}

TEST_F(EventLoopTest, AnEndlessDelayNeverRuns) {
  loop_.RunAfter(Duration::max(), [] { FAIL(); });
  clock_.Advance(std::chrono::hours(100'000));
  loop_.RunReady();
}

TEST_F(EventLoopTest, NowStandsStillWithinATurn) {
  loop_.Post([this] {
    const MonotonicTime before = loop_.Now();
    clock_.Advance(seconds(1));
    EXPECT_EQ(loop_.Now(), before);
  });
  loop_.RunReady();
  EXPECT_EQ(loop_.Now(), clock_.Now());
}

TEST_F(EventLoopTest, HooksComeLastAndMayAskForAnotherTurn) {
  int turns_wanted = 2;
  loop_.AddTurnEnd([&] {
    ran_ += "|";
    if (--turns_wanted > 0) loop_.Post([this] { ran_ += "b"; });
  });
  loop_.RunAfter(Duration::zero(), [this] { ran_ += "t"; });
  loop_.Post([this] { ran_ += "a"; });
  loop_.RunReady();
  EXPECT_EQ(ran_, "ta|b|");
  EXPECT_EQ(loop_.counters().turns, 2u);
}

TEST_F(EventLoopTest, ATurnIsBounded) {
  size_t ran = 0;
  std::vector<size_t> ran_by_turn;
  loop_.AddTurnEnd([&] { ran_by_turn.push_back(std::exchange(ran, 0)); });
  for (size_t i = 0; i < EventLoop::kPostedPerTurn + 1; ++i) {
    loop_.Post([&] { ++ran; });
  }
  for (size_t i = 0; i < EventLoop::kTimersPerTurn + 2; ++i) {
    loop_.RunAfter(Duration::zero(), [&] { ++ran; });
  }
  loop_.RunReady();
  EXPECT_EQ(ran_by_turn,
            (std::vector<size_t>{
                EventLoop::kPostedPerTurn + EventLoop::kTimersPerTurn, 3}));
}

TEST_F(EventLoopTest, PostsDoNotStarveDescriptors) {
  absl::StatusOr<FdPair> pipe = MakePipe();
  ASSERT_TRUE(pipe.ok());
  EventLoop::Task again = [&] {
    if (ran_.empty()) loop_.Post(again);
  };
  loop_.Post(again);
  loop_.WatchReadable(pipe->first.get(), [&] {
    ran_ = "read";
    loop_.Unwatch(pipe->first.get());
  });
  ASSERT_EQ(write(pipe->second.get(), "x", 1), 1);
  loop_.RunReady();
  EXPECT_EQ(ran_, "read");
}

TEST_F(EventLoopTest, ReportsEachTurnsDuration) {
  std::vector<Duration> turns;
  loop_.SetTurnObserver([&](Duration took) { turns.push_back(took); });
  loop_.Post([this] { clock_.Advance(milliseconds(3)); });
  loop_.RunReady();
  EXPECT_EQ(turns, std::vector<Duration>{milliseconds(3)});
  EXPECT_EQ(loop_.counters().busy, milliseconds(3));
}

TEST_F(EventLoopTest, StopBeforeRunEndsItAtOnce) {
  loop_.Stop();
  loop_.Post([this] { ran_ += "a"; });
  loop_.Run();
  EXPECT_EQ(ran_, "");
  loop_.Post([this] { loop_.Stop(); });
  loop_.Run();
  EXPECT_EQ(ran_, "a");
}

TEST_F(EventLoopTest, DestroysWhatNeverRan) {
  auto captured = std::make_shared<int>(1);
  {
    EventLoop loop(clock_);
    loop.Post([captured] {});
    loop.RunAfter(seconds(1), [captured] {});
    EXPECT_EQ(captured.use_count(), 3);
  }
  EXPECT_EQ(captured.use_count(), 1);
}

TEST(EventLoopThreadTest, WakesForAPostFromAnotherThread) {
  const SystemClock clock;
  EventLoop loop(clock);
  std::thread thread([&] { loop.Run(); });
  std::vector<std::thread> posters;
  int sum = 0;
  for (int i = 0; i < 4; ++i) {
    posters.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        loop.Post([&] {
          loop.CheckOnThread();
          if (++sum == 4000) loop.Stop();
        });
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  thread.join();
  EXPECT_EQ(sum, 4000);
  EXPECT_LE(loop.counters().wakeups, loop.counters().turns);
}

TEST(EventLoopThreadTest, ManyPostsCostOneWakeUp) {
  const SystemClock clock;
  EventLoop loop(clock);
  for (int i = 0; i < 1000; ++i) loop.Post([] {});
  loop.Post([&] { loop.Stop(); });
  loop.Run();
  EXPECT_EQ(loop.counters().wakeups, 0u) << "nobody was asleep";
}

TEST(EventLoopThreadTest, WaitsForTimersOnTheSystemClock) {
  const SystemClock clock;
  EventLoop loop(clock);
  const MonotonicTime start = clock.Now();
  loop.RunAfter(milliseconds(5), [&] { loop.Stop(); });
  loop.Run();
  EXPECT_GE(clock.Now() - start, milliseconds(5));
  EXPECT_LE(loop.counters().turns, 3u) << "it waited, it did not poll";
}

TEST(EventLoopThreadTest, KnowsItsThread) {
  const SystemClock clock;
  EventLoop loop(clock);
  EXPECT_TRUE(loop.OnThread()) << "nobody runs it yet";
  bool elsewhere = true;
  loop.Post([&] {
    EXPECT_TRUE(loop.OnThread());
    std::thread([&] { elsewhere = loop.OnThread(); }).join();
    loop.Stop();
  });
  loop.Run();
  EXPECT_FALSE(elsewhere);
  EXPECT_TRUE(loop.OnThread());
}

TEST(EventLoopDeathTest, OtherThreadsMayNotTouchIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const SystemClock clock;
        EventLoop loop(clock);
        loop.Post([&] {
          std::thread([&] { loop.RunAfter(seconds(1), [] {}); }).join();
        });
        loop.Run();
      },
      "CHECK failed: OnThread");
}

TEST(EventLoopDeathTest, AnOrdinaryFileCannotBeWatched) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const SystemClock clock;
        EventLoop loop(clock);
        FILE* file = tmpfile();
        loop.WatchReadable(fileno(file), [] {});
      },
      "CHECK failed");
}

TEST(EventLoopDeathTest, TooManyPostsAreAnError) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const SystemClock clock;
        EventLoop loop(clock);
        for (size_t i = 0; i <= EventLoop::kPostedMax; ++i) loop.Post([] {});
      },
      "CHECK failed: posted_.size");
}

}  // namespace
}  // namespace remuda

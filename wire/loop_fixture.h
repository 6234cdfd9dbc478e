#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/random.h"
#include "wire/wire_context.h"

namespace remuda {

// A loop that a test turns until what it waits for has come. Decides nothing
// about speed: the limit is only there so that a broken test ends.
//
// Thread: the test's.
class LoopFixture : public testing::Test {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(20);

  LoopFixture() : loop_(clock_) {
    loop_.AddTurnEnd([this] {
      if (condition_ && condition_()) loop_.Stop();
    });
  }

  // False if it never came.
  bool RunUntil(std::function<bool()> condition) {
    if (condition()) return true;
    condition_ = std::move(condition);
    Tick();
    bool in_time = true;
    const TimerId limit = loop_.RunAfter(kPatience, [this, &in_time] {
      in_time = false;
      loop_.Stop();
    });
    loop_.Run();
    loop_.CancelTimer(limit);
    condition_ = nullptr;
    return in_time;
  }

  SystemClock clock_;
  Random random_{1};
  WireContext context_;
  EventLoop loop_;

 private:
  // Another turn soon, for conditions that come from outside of the loop.
  void Tick() {
    loop_.RunAfter(std::chrono::milliseconds(2), [this] {
      if (condition_) Tick();
    });
  }

  std::function<bool()> condition_;
};

}  // namespace remuda

// What an agent makes safe on disk, and what it does with what an earlier
// process has left there.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/core/agent_core_harness.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Welcome AWelcome(const Hello& hello, const std::string& generation) {
  return {.term = {5},
          .session = {9},
          .agent = {1},
          .lease = seconds(30),
          .heartbeat_interval = seconds(2),
          .generation = generation,
          .hello = hello.number};
}

class KeepTest : public testing::Test {
 protected:
  void EndTask(uint64_t task) {
    agent_.executor().End(AgentCoreHarness::Id(1, task), {});
    agent_.Turn();
  }

  AgentCoreHarness agent_;
};

TEST_F(KeepTest, WhatIsAckedInTimeIsNotKept) {
  agent_.acks_heartbeats = true;
  agent_.Register();
  agent_.Grant({AgentCoreHarness::RangeJob(1, 4)},
               {AgentCoreHarness::Range(1, 0, 4)});
  for (uint64_t task = 0; task < 4; ++task) {
    EndTask(task);
    agent_.Advance(milliseconds(900));
    agent_.TakeRunsAndAck();
  }
  agent_.Advance(seconds(5));
  EXPECT_EQ(agent_.keep_up_to(), 0u);
}

TEST_F(KeepTest, WhatTheCoordinatorDoesNotTakeIsKeptWithinASecond) {
  agent_.acks_heartbeats = true;
  agent_.Register();
  agent_.Grant({AgentCoreHarness::RangeJob(1, 4)},
               {AgentCoreHarness::Range(1, 0, 4)});
  EndTask(0);
  EndTask(1);
  agent_.Advance(milliseconds(999));
  EXPECT_EQ(agent_.keep_up_to(), 0u);
  // The second result no longer waits for the ack of the first.
  agent_.Advance(milliseconds(1002));
  EXPECT_EQ(agent_.last_sequence(), 2u);
  EXPECT_EQ(agent_.keep_up_to(), 2u);
}

TEST_F(KeepTest, ApartFromTheCoordinatorAllIsKeptSoon) {
  agent_.Register();
  agent_.Grant({AgentCoreHarness::RangeJob(1, 4)},
               {AgentCoreHarness::Range(1, 0, 4)});
  EndTask(0);
  agent_.core().OnDisconnected(agent_.now());
  agent_.Turn();
  EndTask(1);
  EndTask(2);
  agent_.Advance(milliseconds(250));
  EXPECT_GE(agent_.last_sequence(), 2u);
  EXPECT_EQ(agent_.keep_up_to(), agent_.last_sequence());
}

TEST_F(KeepTest, ApartLongLogsMoveIntoTheSpoolBeyondTheWindow) {
  agent_.Register();
  agent_.Grant({AgentCoreHarness::RangeJob(1, 4)},
               {AgentCoreHarness::Range(1, 0, 4)});
  agent_.core().OnDisconnected(agent_.now());
  const size_t pieces = Outbox::kWindow + 3;
  agent_.logs[{"logs/0", 1}] =
      std::string(pieces * LogUploads::kPieceBytes, 'x');
  agent_.executor().End(AgentCoreHarness::Id(1, 0), {.log_path = "logs/0"});
  agent_.Turn();
  agent_.Advance(milliseconds(250));
  EXPECT_EQ(agent_.last_sequence(), pieces + 1);
  EXPECT_EQ(agent_.keep_up_to(), pieces + 1);
  EXPECT_EQ(agent_.folders_deleted(), std::vector<std::string>{"logs/0"});
}

TEST_F(KeepTest, AFullSpoolTakesNoLogs) {
  agent_.Register();
  agent_.Grant({AgentCoreHarness::RangeJob(1, 4)},
               {AgentCoreHarness::Range(1, 0, 4)});
  agent_.core().OnDisconnected(agent_.now());
  agent_.core().OnSpool(true);
  agent_.logs[{"logs/0", 1}] = "x";
  agent_.executor().End(AgentCoreHarness::Id(1, 0), {.log_path = "logs/0"});
  agent_.Turn();
  EXPECT_EQ(agent_.last_sequence(), 0u);
  agent_.core().OnSpool(false);
  agent_.Turn();
  EXPECT_GE(agent_.last_sequence(), 1u);
}

class HeirTest : public testing::Test {
 protected:
  HeirTest() {
    const Results results = {
        .sequence = 7,
        .batches = {{.job = {1},
                     .executor = ExecutorKind::kAsync,
                     .runs = {{.tasks = {0, 3}, .fence = {2}},
                              {.tasks = {5, 1},
                               .fence = {1},
                               .ending = Ending::kEvicted,
                               .started = false}}}}};
    const LogChunk chunk = {.sequence = 8,
                            .attempt = {{1}, 9, {1}},
                            .bytes = "of task 9, which did not end"};
    agent_.Inherit("g", Term{4}, {results, chunk});
    agent_.core().OnConnected(agent_.now());
    agent_.Turn();
    hello_ = agent_.Take<Hello>().at(0);
  }

  AgentCoreHarness agent_;
  Hello hello_;
};

TEST_F(HeirTest, HoldsWhatAnEarlierProcessLeft) {
  const std::vector<FencedRange> held = {
      {.job = {1}, .tasks = {5, 1}, .fence = {1}},
      {.job = {1}, .tasks = {0, 3}, .fence = {2}}};
  EXPECT_EQ(hello_.held, held);
  EXPECT_EQ(hello_.waiting, std::vector<FencedRange>{held[0]});
  EXPECT_EQ(hello_.results_first, 7u);
  agent_.Deliver(AWelcome(hello_, "g"));
  EXPECT_EQ(agent_.Take<Results>().at(0).sequence, 7u);
  EXPECT_EQ(agent_.Take<LogChunk>().at(0).sequence, 8u);
  agent_.AckAll();
  EXPECT_EQ(agent_.spooled(), 0u);
  EXPECT_EQ(agent_.core().gauges(agent_.now()).held, 0u);
  // And goes on.
  agent_.Grant({AgentCoreHarness::RangeJob(2, 1)},
               {AgentCoreHarness::Range(2, 0, 1)});
  agent_.executor().End(AgentCoreHarness::Id(2, 0), {});
  agent_.Turn();
  EXPECT_EQ(agent_.Take<Results>().at(0).sequence, 9u);
}

TEST_F(HeirTest, AnotherStateOfTheCoordinatorIsToldNothing) {
  agent_.Deliver(AWelcome(hello_, "another"));
  EXPECT_TRUE(agent_.Take<Results>().empty());
  EXPECT_FALSE(agent_.ended().has_value());
  EXPECT_EQ(agent_.spooled(), 0u);
  const std::vector<Hello> hellos = agent_.Take<Hello>();
  ASSERT_EQ(hellos.size(), 1u);
  EXPECT_TRUE(hellos[0].held.empty());
  EXPECT_TRUE(hellos[0].waiting.empty());
  EXPECT_EQ(hellos[0].results_first, 9u);
  agent_.Deliver(AWelcome(hellos[0], "another"));
  EXPECT_TRUE(agent_.core().gauges(agent_.now()).registered);
  // From now on it works for that one.
  agent_.Deliver(Refusal{.code = Refusal::Code::kUnknownSession});
  agent_.Advance(Registration::kHelloPause);
  const std::vector<Hello> again = agent_.Take<Hello>();
  agent_.Deliver(AWelcome(again.at(0), "a third"));
  EXPECT_TRUE(agent_.ended().has_value());
}

TEST_F(HeirTest, AnOlderCopyOfTheStateIsToldNothing) {
  Welcome welcome = AWelcome(hello_, "g");
  welcome.term = {3};
  agent_.Deliver(welcome);
  EXPECT_TRUE(agent_.Take<Results>().empty());
  EXPECT_FALSE(agent_.ended().has_value());
}

TEST_F(HeirTest, WhatIsNoLongerItsOwnIsSentAndForgotten) {
  Welcome welcome = AWelcome(hello_, "g");
  welcome.fenced = hello_.held;
  agent_.Deliver(welcome);
  agent_.AckAll();
  EXPECT_EQ(agent_.core().gauges(agent_.now()).held, 0u);
}

TEST_F(HeirTest, AnotherProcessInItsPlaceEndsIt) {
  agent_.Deliver(
      Refusal{.code = Refusal::Code::kSuperseded, .reason = "a copy"});
  ASSERT_TRUE(agent_.ended().has_value());
  EXPECT_TRUE(absl::IsAborted(*agent_.ended()));
}

}  // namespace
}  // namespace remuda

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "agent/core/agent_core.h"
#include "agent/core/agent_core_harness.h"
#include "base/random.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Harness = AgentCoreHarness;

// A coordinator that keeps the books of one job against an agent whose
// connection breaks, whose grants come twice and whose acks get lost.
class Books {
 public:
  static constexpr uint64_t kTasks = 2000;

  explicit Books(uint64_t seed) : random_(seed) {
    harness_.acks_heartbeats = true;
    harness_.executor().SetScript([this](const Attempt& attempt) {
      const AttemptId id = attempt.id;
      EXPECT_TRUE(started_.insert({id.task, id.fence.value}).second)
          << "task " << id.task << " was started twice";
      return ScriptedExecutor::Plan{
          .runs_for = milliseconds(random_.Below(200)),
          .heeds_ask = random_.Below(4) != 0};
    });
    for (TaskIndex task = 0; task < kTasks; ++task) fence_[task] = 0;
  }

  void Run() {
    Connect();
    for (int step = 0; step < 400; ++step) Step();
    // Faults end; everything must come to its end.
    for (int i = 0; i < 5000 && done_.size() < kTasks; ++i) {
      if (!connected_) Connect();
      Grant(64);
      harness_.Advance(milliseconds(100));
      Read(/*ack=*/true);
    }
    EXPECT_EQ(done_.size(), kTasks);
    // What was given up and still runs; and a last ack that was lost is asked
    // for again only after AgentCore::kAckPatience.
    for (int i = 0; i < 100; ++i) {
      harness_.Advance(milliseconds(500));
      Read(/*ack=*/true);
    }
    EXPECT_EQ(harness_.core().gauges(harness_.now()).held, 0u);
    EXPECT_EQ(harness_.core().gauges(harness_.now()).unacked_messages, 0u);
  }

 private:
  void Step() {
    switch (random_.Below(8)) {
      case 0:
        if (!connected_) Connect();
        break;
      case 1:
        if (connected_ && random_.Below(4) == 0) Disconnect();
        break;
      case 2:
      case 3:
        Grant(1 + random_.Below(100));
        break;
      case 4:
        // Rarely so long that the lease runs out.
        harness_.Advance(random_.Below(20) == 0 ? Duration(seconds(40))
                                                : milliseconds(50));
        break;
      default:
        harness_.Advance(milliseconds(random_.Below(100)));
        Read(/*ack=*/random_.Below(3) != 0);
        break;
    }
  }

  void Connect() {
    harness_.Take<Hello>();
    harness_.core().OnConnected(harness_.now());
    harness_.Turn();
    Welcome();
    connected_ = true;
  }

  void Disconnect() {
    // What was sent last is lost with the connection.
    harness_.core().OnDisconnected(harness_.now());
    harness_.Take<Results>();
    connected_ = false;
  }

  // Answers the latest Hello: what it does not list never arrived.
  void Welcome() {
    const std::vector<Hello> hellos = harness_.Take<Hello>();
    ASSERT_FALSE(hellos.empty());
    std::set<std::pair<TaskIndex, uint32_t>> held;
    for (const FencedRange& range : hellos.back().held) {
      for (uint64_t i = 0; i < range.tasks.count; ++i) {
        held.insert({range.tasks.first + i, range.fence.value});
      }
    }
    for (auto task = granted_.begin(); task != granted_.end();) {
      task = held.contains(*task) ? std::next(task) : granted_.erase(task);
    }
    std::vector<FencedRange> fenced;
    for (const auto& [task, fence] : held) {
      if (granted_.contains({task, fence})) continue;
      fenced.push_back({.job = {1}, .tasks = {task, 1}, .fence = {fence}});
    }
    next_result_ = hellos.back().results_first;
    last_grant_ = 0;
    harness_.Deliver(remuda::Welcome{.term = {1},
                                     .session = {++session_},
                                     .agent = {1},
                                     .lease = seconds(30),
                                     .heartbeat_interval = seconds(2),
                                     .fenced = fenced});
  }

  void Grant(uint64_t count) {
    if (!connected_) return;
    remuda::Grant grant = {.sequence = ++last_grant_};
    grant.definitions = {Harness::RangeJob(1, kTasks, seconds(5))};
    for (auto& [task, fence] : fence_) {
      if (count == 0) break;
      if (done_.contains(task) || granted_.contains({task, fence})) continue;
      granted_.insert({task, ++fence});
      grant.ranges.push_back(Harness::Range(1, task, 1, fence));
      --count;
    }
    // Some are lost, some come twice.
    if (random_.Below(10) == 0) return;
    harness_.Deliver(grant);
    if (random_.Below(5) == 0) harness_.Deliver(grant);
  }

  void Read(bool ack) {
    if (!connected_) return;
    uint64_t up_to = 0;
    for (const Results& results : harness_.Take<Results>()) {
      ASSERT_LE(results.sequence, next_result_) << "a gap";
      if (results.sequence < next_result_) continue;
      up_to = next_result_++;
      for (const EndedBatch& batch : results.batches) Record(batch);
    }
    if (ack && up_to > 0) harness_.Deliver(ResultsAck{.up_to = up_to});
    // The agent may have noticed a lost grant or ack.
    if (harness_.core().gauges(harness_.now()).registered) return;
    harness_.Advance(seconds(20));
    Connect();
  }

  void Record(const EndedBatch& batch) {
    for (const EndingRun& run : batch.runs) {
      for (uint64_t i = 0; i < run.tasks.count; ++i) {
        const TaskIndex task = run.tasks.first + i;
        if (granted_.erase({task, run.fence.value}) == 0) continue;  // stale
        EXPECT_EQ(started_.contains({task, run.fence.value}), run.started);
        if (run.started) done_.insert(task);
      }
    }
  }

  Random random_;
  Harness harness_{{{ExecutorKind::kAsync, 40}}};
  bool connected_ = false;
  uint64_t session_ = 0;
  uint64_t last_grant_ = 0;
  uint64_t next_result_ = 1;
  std::map<TaskIndex, uint32_t> fence_;  // the last one granted
  std::set<std::pair<TaskIndex, uint32_t>> granted_;
  std::set<std::pair<TaskIndex, uint32_t>> started_;
  std::set<TaskIndex> done_;
};

TEST(AgentCoreRandomTest, EveryTaskEndsOnceWhateverTheConnectionDoes) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Books(seed).Run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace remuda

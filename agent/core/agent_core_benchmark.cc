#include <benchmark/benchmark.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "agent/core/agent_core.h"
#include "jobs/job.h"
#include "jobs/job_json.h"

namespace remuda {
namespace {

// What the core costs for one task: granted in ranges, ended in batches of
// that many, acked at once.
void BM_NoopTask(benchmark::State& state) {
  const auto batch = static_cast<size_t>(state.range(0));
  constexpr uint64_t kTasks = kTasksMax;
  Job job;
  job.name = "n";
  job.type = "noop";
  job.tasks.kind = TaskSource::Kind::kRange;
  job.tasks.written = TaskSource::Written::kRange;
  job.tasks.to = static_cast<int64_t>(kTasks) - 1;

  AgentCore core({.executors = {{ExecutorKind::kAsync, batch}}});
  AgentTime now;
  ExecutorCapacities room = {};
  room[0] = batch;
  core.OnConnected(now.monotonic);
  core.TakeOutput(now.monotonic, room);
  core.OnMessage(now, Welcome{.lease = std::chrono::hours(9999),
                              .heartbeat_interval = std::chrono::hours(1)});
  uint64_t granted = 0;
  uint64_t grants = 0;
  uint64_t sequence = 0;
  uint64_t tasks = 0;
  std::vector<Outcome> outcomes;
  for (auto _ : state) {
    if (granted < tasks + 2 * batch) {
      Grant grant = {.sequence = ++grants,
                     .ranges = {{.job = {1},
                                 .executor = ExecutorKind::kAsync,
                                 .tasks = {granted, 16'384},
                                 .fence = {1}}}};
      if (grants == 1) grant.definitions = {{{1}, JobToJson(job)}};
      granted += 16'384;
      core.OnMessage(now, std::move(grant));
    }
    now.monotonic += std::chrono::microseconds(100);
    core.OnOutcomes(now, ExecutorKind::kAsync, std::exchange(outcomes, {}));
    core.OnTime(now.monotonic);
    AgentOutput output = core.TakeOutput(now.monotonic, room);
    for (const AgentMessage& message : output.spool) {
      sequence = std::get<Results>(message).sequence;
    }
    core.OnMessage(now, ResultsAck{.up_to = sequence});
    for (const StartAttempts& start : output.starts) {
      outcomes.reserve(start.attempts.size());
      for (const Attempt& attempt : start.attempts) {
        outcomes.push_back(
            {.id = attempt.id, .wall = std::chrono::nanoseconds(100)});
      }
      tasks += start.attempts.size();
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(tasks));
}
BENCHMARK(BM_NoopTask)->Arg(1)->Arg(16)->Arg(256)->Arg(4096);

}  // namespace
}  // namespace remuda

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/core/core.h"
#include "coordinator/core/job_tasks.h"

namespace remuda {
namespace {

constexpr uint64_t kTasks = 100'000;

JobToAccept NoopArray() {
  auto job = std::make_shared<Job>();
  job->name = "array";
  job->type = "noop";
  JobToAccept accept;
  accept.job = std::move(job);
  accept.job_json = std::make_shared<const std::string>("{}");
  accept.digest = "digest";
  accept.tasks = kTasks;
  accept.executor = ExecutorKind::kAsync;
  return accept;
}

// The core of a coordinator that runs noop arrays on agents which answer at
// once in batches of a given size; everything but store and wire.
class Bench {
 public:
  Bench(uint64_t agents, uint64_t credit) {
    now_.monotonic = MonotonicTime(std::chrono::hours(1));
    now_.wall = WallTime(std::chrono::hours(24 * 365 * 50));
    if (!core_.Restore(now_, {}).ok()) std::abort();
    for (uint64_t i = 1; i <= agents; ++i) Register(Peer{i}, credit);
  }

  // Idle jobs that wait for agents which never come.
  void AddWaitingJobs(uint64_t jobs) {
    for (uint64_t i = 0; i < jobs; ++i) {
      std::vector<JobToAccept> one(1, NoopArray());
      one[0].executor = ExecutorKind::kProcessPool;
      ++jobs_;
      core_.OnSubmit(now_, Peer{9}, 1, "waiting-" + std::to_string(i),
                     std::move(one), std::nullopt);
    }
    Turn();
  }

  void RunArray(uint64_t batch) {
    ++jobs_;
    core_.OnSubmit(now_, Peer{9}, 1, "key-" + std::to_string(jobs_),
                   {NoopArray()}, std::nullopt);
    Turn();
    while (!granted_.empty()) {
      auto [peer, range] = std::move(granted_.back());
      granted_.pop_back();
      const uint64_t end = range.tasks.first + range.tasks.count;
      for (uint64_t at = range.tasks.first; at < end;) {
        const uint64_t until =
            std::min({end, at + batch, (ChunkOf(at) + 1) * kTasksPerChunk});
        Results results;
        results.sequence = ++sessions_[peer.value].results;
        EndedBatch& ended = results.batches.emplace_back();
        ended.job = range.job;
        ended.executor = range.executor;
        ended.records = "r";
        ended.runs.push_back({.tasks = {.first = at, .count = until - at},
                              .fence = range.fence});
        core_.OnAgentMessage(now_, SenderOf(peer), std::move(results));
        Turn();
        at = until;
      }
    }
    if (core_.summary(JobId{jobs_}).has_value()) std::abort();
  }

 private:
  struct Known {
    SessionId session;
    uint64_t results = 0;
  };

  AgentSender SenderOf(Peer peer) {
    return {.peer = peer,
            .term = core_.term(),
            .session = sessions_[peer.value].session};
  }

  void Register(Peer peer, uint64_t credit) {
    Hello hello;
    hello.instance = "instance-" + std::to_string(peer.value);
    hello.job_types = {"noop"};
    core_.OnAgentMessage(now_, {.peer = peer, .term = {}, .session = {}},
                         hello);
    Turn();
    Heartbeat beat;
    beat.sequence = 1;
    beat.credits = {{.executor = ExecutorKind::kAsync, .tasks = credit}};
    core_.OnAgentMessage(now_, SenderOf(peer), beat);
    Turn();
  }

  void Turn() {
    core_.Dispatch(now_);
    const Output output = core_.TakeOutput();
    for (const Send& send : output.after_commit) {
      const auto* sent = std::get_if<ToAgent>(&send);
      if (sent == nullptr) continue;
      if (const auto* welcome = std::get_if<Welcome>(&sent->message)) {
        if (sessions_.size() <= sent->peer.value) {
          sessions_.resize(sent->peer.value + 1);
        }
        sessions_[sent->peer.value].session = welcome->session;
      } else if (const auto* grant = std::get_if<Grant>(&sent->message)) {
        for (const GrantedRange& range : grant->ranges) {
          granted_.emplace_back(sent->peer, range);
        }
      }
    }
    benchmark::DoNotOptimize(output.chunks.data());
  }

  Core core_{CoreOptions()};
  Now now_;
  std::vector<Known> sessions_{1};
  std::vector<std::pair<Peer, GrantedRange>> granted_;
  uint64_t jobs_ = 0;
};

// Arguments: tasks a batch of results, agents, credit of each, waiting jobs.
void BM_NoopArray(benchmark::State& state) {
  Bench bench(static_cast<uint64_t>(state.range(1)),
              static_cast<uint64_t>(state.range(2)));
  bench.AddWaitingJobs(static_cast<uint64_t>(state.range(3)));
  for (auto _ : state) {
    bench.RunArray(static_cast<uint64_t>(state.range(0)));
  }
  state.counters["per_task"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * kTasks,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK(BM_NoopArray)
    ->ArgNames({"batch", "agents", "credit", "waiting"})
    ->Args({1024, 1, 65'536, 0})
    ->Args({1024, 100, 4'096, 0})
    ->Args({1024, 1, 65'536, 10'000})
    ->Args({1, 1, 65'536, 0})
    ->Args({1, 1, 100, 0})
    ->Args({1, 1'000, 10, 0})
    ->Args({1, 1'000, 10, 10'000})
    // What a task costs must not follow the number of agents.
    ->Args({1, 10, 10, 0})
    ->Args({1, 10'000, 10, 0})
    ->Args({1'024, 10, 4'096, 0})
    ->Args({1'024, 10'000, 4'096, 0});

// What of a job's tasks the memory is asked for: every `each`th task ended
// otherwise than its neighbours.
enum class Touch { kNot, kFailed, kSecondTry, kAgain, kDelayed };

void TouchTasks(JobTasks& tasks, Touch touch, uint64_t each) {
  if (touch == Touch::kNot) return;
  const LiveGrant whole = {.id = {1},
                           .job = {1},
                           .agent = {1},
                           .tasks = {.first = 0, .count = tasks.total()},
                           .fence = Fence{1}};
  tasks.Grant(whole);
  const JobTasks::Change good = {
      .fence = Fence{1}, .started = true, .state = TaskState::kSucceeded};
  JobTasks::Change bad = good;
  bad.state =
      touch == Touch::kFailed ? TaskState::kFailed : TaskState::kPending;
  const uint64_t jitter = 7'919;
  for (uint64_t at = 0; at < tasks.total(); at += each) {
    if (touch == Touch::kDelayed) {
      const Duration due(static_cast<Duration::rep>(at * jitter % 100'003 + 1));
      bad.not_before = WallTime(due);
      tasks.Delay(MonotonicTime(due), {.first = at, .count = 1});
    }
    tasks.End({.first = at, .count = 1}, bad);
    if (each > 1) tasks.End({.first = at + 1, .count = each - 1}, good);
  }
  if (touch != Touch::kSecondTry) return;
  uint64_t grant = 1;
  for (uint64_t at = 0; at < tasks.total(); at += each) {
    LiveGrant one = whole;
    one.id = {++grant};
    one.tasks = {.first = at, .count = 1};
    one.fence = Fence{2};
    tasks.Grant(one);
    JobTasks::Change second = good;
    second.fence = Fence{2};
    tasks.End(one.tasks, second);
  }
}

// Arguments: a Touch, and every how many tasks.
void BM_MemoryOfTasks(benchmark::State& state) {
  const auto touch = static_cast<Touch>(state.range(0));
  const auto each = static_cast<uint64_t>(state.range(1));
  constexpr uint64_t kMany = 10 * kTasks;
  for (auto _ : state) {
    const size_t before = mallinfo2().uordblks;
    JobTasks tasks(kMany);
    TouchTasks(tasks, touch, each);
    const size_t used = mallinfo2().uordblks - before;
    state.counters["bytes"] = static_cast<double>(used);
    state.counters["bytes_per_touched"] =
        touch == Touch::kNot
            ? 0
            : static_cast<double>(used) /
                  (static_cast<double>(kMany) / static_cast<double>(each));
  }
}

BENCHMARK(BM_MemoryOfTasks)
    ->ArgNames({"touch", "each"})
    ->Args({static_cast<int64_t>(Touch::kNot), 1})
    ->Args({static_cast<int64_t>(Touch::kFailed), 1})
    ->Args({static_cast<int64_t>(Touch::kFailed), 2})
    ->Args({static_cast<int64_t>(Touch::kSecondTry), 2})
    ->Args({static_cast<int64_t>(Touch::kSecondTry), 10})
    ->Args({static_cast<int64_t>(Touch::kAgain), 2})
    ->Args({static_cast<int64_t>(Touch::kAgain), 10})
    ->Args({static_cast<int64_t>(Touch::kDelayed), 1})
    ->Args({static_cast<int64_t>(Touch::kDelayed), 2})
    ->Args({static_cast<int64_t>(Touch::kDelayed), 10})
    ->Iterations(1);

}  // namespace
}  // namespace remuda

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/check.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_test_support.h"

namespace remuda {
namespace {

// Ends chunk after chunk of one long job, `units` of them a transaction.
// Beside it stands BM_RawCommit, the floor that SQLite and the disk give.
void BM_EndTasks(benchmark::State& state) {
  const auto units_per_commit = static_cast<size_t>(state.range(0));
  const auto durability = static_cast<Durability>(state.range(1));
  const std::string folder = "/var/tmp/remuda_store_benchmark";
  std::filesystem::remove_all(folder);
  {
    absl::StatusOr<Store> store =
        Store::Open({.folder = folder, .durability = durability});
    CHECK_OK(store);
    CommitUnit job = AcceptRange({1}, "key", uint64_t{1} << 40);
    CHECK_OK(store->Commit({&job, 1}));
    uint64_t chunk = 0;
    uint64_t rows = 0;
    for (auto _ : state) {
      state.PauseTiming();
      std::vector<CommitUnit> units;
      for (size_t i = 0; i < units_per_commit; ++i) {
        units.push_back(SucceedChunk({1}, chunk++, kTasksPerChunk, 1));
        units.back().output.summaries.push_back(
            TestSummary({1}, uint64_t{1} << 40, JobState::kRunning));
      }
      state.ResumeTiming();
      const absl::StatusOr<CommitFacts> facts = store->Commit(units);
      CHECK_OK(facts);
      rows += facts->rows;
    }
    const auto tasks = static_cast<double>(chunk * kTasksPerChunk);
    state.counters["tasks/s"] =
        benchmark::Counter(tasks, benchmark::Counter::kIsRate);
    state.counters["rows/s"] = benchmark::Counter(static_cast<double>(rows),
                                                  benchmark::Counter::kIsRate);
    state.counters["commits/s"] = benchmark::Counter(
        static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_EndTasks)
    ->ArgNames({"units", "relaxed"})
    ->ArgsProduct({{1, 16, 64}, {0, 1}})
    ->UseRealTime();

// One small row a transaction.
void BM_RawCommit(benchmark::State& state) {
  const std::string folder = "/var/tmp/remuda_store_benchmark";
  std::filesystem::remove_all(folder);
  {
    absl::StatusOr<Store> store =
        Store::Open({.folder = folder,
                     .durability = static_cast<Durability>(state.range(0))});
    CHECK_OK(store);
    for (auto _ : state) {
      CommitUnit unit;
      unit.output.events.push_back(AgentLeft{.agent = {1}});
      CHECK_OK(store->Commit({&unit, 1}));
    }
    state.counters["commits/s"] = benchmark::Counter(
        static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_RawCommit)->ArgName("relaxed")->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace remuda

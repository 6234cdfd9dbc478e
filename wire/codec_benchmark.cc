#include <benchmark/benchmark.h>

#include "wire/codec.h"

namespace remuda {
namespace {

Results AnyResults(size_t batches) {
  Results results{.sequence = 1, .batches = {}};
  for (size_t i = 0; i < batches; ++i) {
    results.batches.push_back({.job = JobId{1},
                               .executor = ExecutorKind::kAsync,
                               .runs = {{.tasks = {.first = i * kTasksPerChunk,
                                                   .count = kTasksPerChunk},
                                         .fence = Fence{1}}},
                               .records = std::string(2100, 'r')});
  }
  return results;
}

Grant AnyGrant() {
  return {.sequence = 1,
          .definitions = {},
          .ranges = {{.job = JobId{1},
                      .executor = ExecutorKind::kAsync,
                      .tasks = {.first = 0, .count = 4096},
                      .fence = Fence{1},
                      .items = ""}}};
}

void EncodeResults(benchmark::State& state) {
  const AgentMessage message = AnyResults(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(EncodeAgent(message, Term{1}, SessionId{1}));
  }
}
BENCHMARK(EncodeResults)->Arg(1)->Arg(16);

void DecodeResults(benchmark::State& state) {
  const std::string frame = EncodeAgent(
      AnyResults(static_cast<size_t>(state.range(0))), Term{1}, SessionId{1});
  for (auto _ : state) benchmark::DoNotOptimize(DecodeIncoming(frame));
}
BENCHMARK(DecodeResults)->Arg(1)->Arg(16);

void EncodeGrant(benchmark::State& state) {
  const CoordinatorMessage message = AnyGrant();
  for (auto _ : state) {
    benchmark::DoNotOptimize(EncodeCoordinator(message, Term{1}, SessionId{1}));
  }
}
BENCHMARK(EncodeGrant);

void DecodeGrant(benchmark::State& state) {
  const std::string frame =
      EncodeCoordinator(AnyGrant(), Term{1}, SessionId{1});
  for (auto _ : state) benchmark::DoNotOptimize(DecodeCoordinator(frame));
}
BENCHMARK(DecodeGrant);

}  // namespace
}  // namespace remuda

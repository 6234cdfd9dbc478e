#include "base/event_loop.h"

#include <benchmark/benchmark.h>

#include <thread>

#include "base/clock.h"

namespace remuda {
namespace {

// A turn that runs one task: the floor for anything that an event causes.
void BM_Turn(benchmark::State& state) {
  const SystemClock clock;
  EventLoop loop(clock);
  for (auto _ : state) {
    loop.Post([] {});
    loop.RunReady();
  }
}
BENCHMARK(BM_Turn);

void BM_PostInBatches(benchmark::State& state) {
  const SystemClock clock;
  EventLoop loop(clock);
  const auto batch = state.range(0);
  for (auto _ : state) {
    for (int64_t i = 0; i < batch; ++i) loop.Post([] {});
    loop.RunReady();
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(BM_PostInBatches)->Arg(16)->Arg(256)->Arg(4096);

// A time-out that is set and taken back, with others waiting.
void BM_SetAndCancelTimer(benchmark::State& state) {
  const SystemClock clock;
  EventLoop loop(clock);
  for (int64_t i = 0; i < state.range(0); ++i) {
    loop.RunAfter(std::chrono::hours(1), [] {});
  }
  for (auto _ : state) {
    loop.CancelTimer(loop.RunAfter(std::chrono::seconds(30), [] {}));
  }
}
BENCHMARK(BM_SetAndCancelTimer)->Arg(10)->Arg(10000);

// To a sleeping thread and back: dominated by the kernel's wake-ups.
void BM_RoundTripBetweenThreads(benchmark::State& state) {
  const SystemClock clock;
  EventLoop here(clock);
  EventLoop there(clock);
  std::thread thread([&] { there.Run(); });
  for (auto _ : state) {
    there.Post([&] { here.Post([&] { here.Stop(); }); });
    here.Run();
  }
  there.Stop();
  thread.join();
}
BENCHMARK(BM_RoundTripBetweenThreads)->UseRealTime();

}  // namespace
}  // namespace remuda

#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "executors/handlers/vector_math.h"

namespace remuda {
namespace {

// Two arrays of 80 MB: far more than any cache holds.
constexpr size_t kNumbers = 10'000'000;

void MultiplyAddArrays(benchmark::State& state) {
  const std::vector<double> x(kNumbers, 1);
  std::vector<double> y(kNumbers, 2);
  for (auto _ : state) {
    MultiplyAdd(x, 1e-9, y);
    benchmark::ClobberMemory();
  }
  state.SetLabel(VectorUnit());
  // Two numbers are read and one is written.
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * 3 * 8 *
                          static_cast<int64_t>(kNumbers));
}
BENCHMARK(MultiplyAddArrays)->UseRealTime();

// What the machine's memory can do: one number read, one written.
void CopyArray(benchmark::State& state) {
  const std::vector<double> x(kNumbers, 1);
  std::vector<double> y(kNumbers, 2);
  for (auto _ : state) {
    std::memcpy(y.data(), x.data(), kNumbers * 8);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * 2 * 8 *
                          static_cast<int64_t>(kNumbers));
}
BENCHMARK(CopyArray)->UseRealTime();

}  // namespace
}  // namespace remuda

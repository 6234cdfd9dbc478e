#include <benchmark/benchmark.h>

#include "wire/attempt_records.h"

namespace remuda {
namespace {

std::vector<AttemptRecord> Noops(size_t count) {
  std::vector<AttemptRecord> records(count);
  for (size_t i = 0; i < count; ++i) {
    records[i].task = i;
    records[i].fence = Fence{1};
    records[i].ended_at = WallTime(std::chrono::seconds(1'700'000'000));
    records[i].wall = Duration(700 + i % 100);
  }
  return records;
}

std::vector<AttemptRecord> Fetches(size_t count) {
  std::vector<AttemptRecord> records = Noops(count);
  for (size_t i = 0; i < count; ++i) {
    records[i].output = R"({"status":200,"bytes":)" + std::to_string(i) + "}";
    records[i].ended_at += Duration(i * 1'000'003);
    records[i].usage.cpu = Duration(100'000 + i);
    records[i].usage.bytes_in = 4096 + i;
  }
  return records;
}

void Encode(benchmark::State& state, const std::vector<AttemptRecord>& in) {
  size_t bytes = 0;
  for (auto _ : state) {
    const std::string out = EncodeAttemptRecords(in);
    bytes = out.size();
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(in.size()));
  state.counters["bytes_per_record"] =
      static_cast<double>(bytes) / static_cast<double>(in.size());
}

void Decode(benchmark::State& state, const std::vector<AttemptRecord>& in) {
  const std::string bytes = EncodeAttemptRecords(in);
  for (auto _ : state) {
    auto out = DecodeAttemptRecords(bytes);
    benchmark::DoNotOptimize(out->data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(in.size()));
}

BENCHMARK_CAPTURE(Encode, noop, Noops(kTasksPerChunk));
BENCHMARK_CAPTURE(Decode, noop, Noops(kTasksPerChunk));
BENCHMARK_CAPTURE(Encode, fetch, Fetches(kTasksPerChunk));
BENCHMARK_CAPTURE(Decode, fetch, Fetches(kTasksPerChunk));

}  // namespace
}  // namespace remuda

#include "jobs/verdict/evidence.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

namespace remuda {
namespace {

size_t BucketOf(Duration wall) {
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(wall).count();
  const auto width = static_cast<size_t>(std::bit_width(
      static_cast<uint64_t>(std::max<int64_t>(microseconds, 1))));
  return std::min(width - 1, Evidence::kBuckets - 1);
}

void AddTo(Known<RealSeconds>& known, const std::optional<Duration>& value,
           RealSeconds wall) {
  if (!value) return;
  ++known.attempts;
  known.sum += *value;
  known.wall += wall;
}

void AddTo(Known<double>& known, const std::optional<uint64_t>& value,
           RealSeconds wall) {
  if (!value) return;
  ++known.attempts;
  known.sum += static_cast<double>(*value);
  known.wall += wall;
}

template <typename Sum>
void MergeInto(Known<Sum>& known, const Known<Sum>& others, double weight) {
  known.attempts += others.attempts * weight;
  known.sum += others.sum * weight;
  known.wall += others.wall * weight;
}

}  // namespace

bool IsEvidence(Ending ending) {
  return ending == Ending::kSucceeded || ending == Ending::kError;
}

void Evidence::Add(Ending ending, Duration took, const Usage& usage) {
  const RealSeconds seconds = std::max(took, Duration::zero());
  ++attempts;
  if (ending != Ending::kSucceeded) ++failed;
  wall += seconds;
  wall_squared += seconds.count() * seconds.count();
  ++walls[BucketOf(took)];
  AddTo(cpu, usage.cpu, seconds);
  AddTo(run_queue_delay, usage.run_queue_delay, seconds);
  AddTo(gil_wait, usage.gil_wait, seconds);
  AddTo(gil_held, usage.gil_held, seconds);
  AddTo(loop_wait, usage.loop_wait, seconds);
  AddTo(loop_lag, usage.loop_lag, seconds);
  AddTo(switches_voluntary, usage.switches_voluntary, seconds);
  AddTo(switches_involuntary, usage.switches_involuntary, seconds);
  AddTo(memory_bytes, usage.memory_max_bytes, seconds);
  memory_max_bytes =
      std::max(memory_max_bytes,
               static_cast<double>(usage.memory_max_bytes.value_or(0)));
  AddTo(bytes_in, usage.bytes_in, seconds);
  AddTo(bytes_out, usage.bytes_out, seconds);
}

void Evidence::Merge(const Evidence& others, double weight) {
  attempts += others.attempts * weight;
  failed += others.failed * weight;
  wall += others.wall * weight;
  wall_squared += others.wall_squared * weight;
  active += others.active * weight;
  for (size_t i = 0; i < kBuckets; ++i) walls[i] += others.walls[i] * weight;
  MergeInto(cpu, others.cpu, weight);
  MergeInto(run_queue_delay, others.run_queue_delay, weight);
  MergeInto(gil_wait, others.gil_wait, weight);
  MergeInto(gil_held, others.gil_held, weight);
  MergeInto(loop_wait, others.loop_wait, weight);
  MergeInto(loop_lag, others.loop_lag, weight);
  MergeInto(switches_voluntary, others.switches_voluntary, weight);
  MergeInto(switches_involuntary, others.switches_involuntary, weight);
  MergeInto(memory_bytes, others.memory_bytes, weight);
  memory_max_bytes = std::max(memory_max_bytes, others.memory_max_bytes);
  MergeInto(bytes_in, others.bytes_in, weight);
  MergeInto(bytes_out, others.bytes_out, weight);
  if (others.slots != decltype(slots){}) slots = others.slots;
  if (others.agent_memory_bytes > 0) {
    agent_memory_bytes = others.agent_memory_bytes;
  }
}

RealSeconds Evidence::mean_wall() const {
  return attempts > 0 ? wall / attempts : RealSeconds::zero();
}

double Evidence::spread() const {
  const double mean = mean_wall().count();
  if (attempts < 2 || mean <= 0) return 0;
  const double variance = wall_squared / attempts - mean * mean;
  return std::sqrt(std::max(variance, 0.0)) / mean;
}

double Evidence::concurrency() const {
  return active > RealSeconds::zero() ? wall / active : 0;
}

RealSeconds Evidence::Quantile(double share) const {
  double left = attempts * share;
  for (size_t i = 0; i < kBuckets; ++i) {
    left -= walls[i];
    if (walls[i] > 0 && left <= 0) {
      return std::chrono::microseconds(uint64_t{1} << i) * 1.5;
    }
  }
  return RealSeconds::zero();
}

}  // namespace remuda

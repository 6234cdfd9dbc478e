#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "jobs/outcome.h"
#include "jobs/states.h"

namespace remuda {

using RealSeconds = std::chrono::duration<double>;

// A sum over those attempts that know the quantity, and the time those took.
template <typename Sum>
struct Known {
  double attempts = 0;
  Sum sum{};
  RealSeconds wall{};

  friend bool operator==(const Known&, const Known&) = default;
};

// What attempts of one kind of work used, in sums: of constant size whatever
// their number, and the sums of two groups add up to those of both. Attempts
// are counted as real numbers, since old ones may weigh less than new ones.
// Holds no attempt that was stopped or lost.
//
// Lifetime: a value.
struct Evidence {
  // By the power of two of the attempt's microseconds: below 2, 4, 8, ...
  static constexpr size_t kBuckets = 36;

  double attempts = 0;
  double failed = 0;  // of those
  RealSeconds wall{};
  double wall_squared = 0;  // sum of squares, in square seconds
  RealSeconds active{};     // during which any of them ran, on each agent
  std::array<double, kBuckets> walls{};

  Known<RealSeconds> cpu;
  Known<RealSeconds> run_queue_delay;
  Known<RealSeconds> gil_wait;
  Known<RealSeconds> gil_held;
  Known<RealSeconds> loop_wait;
  Known<RealSeconds> loop_lag;  // the worst each has seen
  Known<double> switches_voluntary;
  Known<double> switches_involuntary;
  Known<double> memory_bytes;  // of the process that ran it
  double memory_max_bytes = 0;
  Known<double> bytes_in;
  Known<double> bytes_out;

  // What their agents offered, by ExecutorKind; as seen last.
  std::array<uint64_t, kExecutorKinds> slots{};
  double agent_memory_bytes = 0;  // that one of them may hold; 0: unknown

  // Adds one attempt that took `wall`; `active` is for the caller to add.
  void Add(Ending ending, Duration wall, const Usage& usage);

  // Adds `others`, each of which weighs `weight`.
  void Merge(const Evidence& others, double weight = 1);

  RealSeconds mean_wall() const;
  // Standard deviation over mean; 0 for fewer than two attempts.
  double spread() const;
  // How many ran at once, on average over the active time; 0 if unknown.
  double concurrency() const;
  // The middle of the bucket that holds this share of the attempts.
  RealSeconds Quantile(double share) const;

  friend bool operator==(const Evidence&, const Evidence&) = default;
};

// Whether an attempt that ended so says something about its code.
bool IsEvidence(Ending ending);

}  // namespace remuda

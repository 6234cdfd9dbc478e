#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "jobs/ids.h"
#include "jobs/states.h"
#include "jobs/verdict/evidence.h"

namespace remuda {

// How fast one kind of work went on an executor.
struct Pace {
  ExecutorKind executor = ExecutorKind::kProcessPool;
  double attempts = 0;
  double failed = 0;      // of those
  double per_second = 0;  // of active time
  double spread = 0;      // of what attempts took: standard deviation / mean
  RealSeconds wall{};     // mean
  RealSeconds cpu{};      // mean; 0: unknown

  friend bool operator==(const Pace&, const Pace&) = default;
};

Pace PaceOf(ExecutorKind executor, const Evidence& evidence);

// What was learned of a kind of work: owner, job type and function, on agents
// of one size. A value of some hundred bytes.
struct LearnedChoice {
  // One comparison that is over.
  struct Tried {
    Pace before;
    Pace after;
    double gain = 0;  // throughput, as a multiple of what it was before
    bool is_kept = false;
    JobId job;
    WallTime at{};

    friend bool operator==(const Tried&, const Tried&) = default;
  };
  // One that goes on, so that a coordinator that is restarted can end it.
  struct Trial {
    Pace before;
    ExecutorKind executor = ExecutorKind::kProcessPool;
    uint64_t tasks = 0;
    JobId job;
    WallTime at{};

    friend bool operator==(const Trial&, const Trial&) = default;
  };

  // By the executor that was tried, the last time.
  std::array<std::optional<Tried>, kExecutorKinds> tried;
  std::optional<Trial> trial;

  // The winner of the last comparison that was won.
  const Tried* kept() const;

  friend bool operator==(const LearnedChoice&, const LearnedChoice&) = default;
};

// The day, by UTC: "2026-11-28".
std::string DayText(WallTime at);

std::string LearnedToJson(const LearnedChoice& learned);
// Errors: InvalidArgument.
absl::StatusOr<LearnedChoice> LearnedFromJson(const std::string& text);

}  // namespace remuda

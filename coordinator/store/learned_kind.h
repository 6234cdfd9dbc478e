#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "jobs/verdict/learned_choice.h"

namespace remuda {

// Kinds of work for which a choice may be remembered: owner, job type,
// function (jobs/verdict/work_name.h) and cores of the agents.
struct KindOfWork {
  std::string owner;
  std::string type;
  std::string function;
  uint64_t cores = 0;

  friend auto operator<=>(const KindOfWork&, const KindOfWork&) = default;
};

struct LearnedKind {
  KindOfWork kind;
  LearnedChoice learned;
};

// Kinds that are remembered; those changed longest ago are forgotten first.
inline constexpr uint64_t kLearnedKindsMax = 1'000;

}  // namespace remuda

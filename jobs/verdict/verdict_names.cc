#include <array>
#include <cstddef>
#include <string_view>

#include "jobs/verdict/verdict.h"

namespace remuda {

std::string_view Name(VerdictCode code) {
  static constexpr std::array<std::string_view, kVerdictCodes> kNames = {
      "stay",
      "move",
      "batch",
      "more_cpus",
      "too_few",
      "cpu_unknown",
      "too_little_to_do",
      "undecided"};
  return kNames.at(static_cast<size_t>(code));
}

std::string_view Name(Bound bound) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "unknown", "cores", "lock", "loop", "waits", "machine"};
  return kNames.at(static_cast<size_t>(bound));
}

std::string_view Name(Advice advice) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "more_at_once", "less_at_once", "offload",
      "blocks",       "make_faster",  "memory"};
  return kNames.at(static_cast<size_t>(advice));
}

}  // namespace remuda

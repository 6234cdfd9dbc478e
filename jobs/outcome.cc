#include "jobs/outcome.h"

#include <array>
#include <cstddef>

#include "base/check.h"

namespace remuda {

std::string_view Name(Ending ending) {
  // Indexed by the number of the ending.
  static constexpr std::array<std::string_view, 7> kNames = {
      "succeeded", "error", "timeout", "crash", "oom", "cancelled", "evicted"};
  const size_t index = static_cast<size_t>(ending);
  CHECK(index < kNames.size());
  return kNames[index];
}

}  // namespace remuda

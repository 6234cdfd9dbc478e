#include "jobs/percent_text.h"

#include <charconv>
#include <cmath>
#include <system_error>

namespace remuda {

std::optional<double> ParsePercent(std::string_view text) {
  if (!text.ends_with('%') || text.front() < '0' || text.front() > '9') {
    return std::nullopt;
  }
  text.remove_suffix(1);
  double percent = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(),
                                      percent, std::chars_format::fixed);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      !std::isfinite(percent)) {
    return std::nullopt;
  }
  return percent;
}

}  // namespace remuda

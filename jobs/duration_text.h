#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace remuda {

// Longer spans are refused wherever a spec or a client names one.
inline constexpr Duration kDurationMax = std::chrono::hours(24 * 3650);

// "500ms", "30s", "5m", "2h", "1d", "1h30m", "1.5s": whole or decimal numbers
// with units, the larger unit first and each once. Nothing if the text is not
// of that form or over kDurationMax.
std::optional<Duration> ParseDuration(std::string_view text);

// The same form back, exact to the nanosecond: "1h30m", "0s".
std::string DurationText(Duration duration);

}  // namespace remuda

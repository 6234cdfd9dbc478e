#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace remuda {

// Numbers and texts as people read them on a terminal.

// 1234567 -> "1,234,567".
std::string CountText(uint64_t count);

// "85 ms", "3.4 s", "2 min 05 s", "1 h 02 min".
std::string ElapsedText(Duration duration);

// Control and terminal sequences made visible, cut to `width` characters with
// a mark. Task output is somebody else's text and must not steer a terminal.
std::string SafeText(std::string_view text, size_t width);

// The same without a limit, newlines and tabs kept.
std::string SafeLines(std::string_view text);

}  // namespace remuda

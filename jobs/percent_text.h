#pragma once

#include <optional>
#include <string_view>

namespace remuda {

// "1%", "0.5%": the number before the sign. Nothing for any other text.
std::optional<double> ParsePercent(std::string_view text);

}  // namespace remuda

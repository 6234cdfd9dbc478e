#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace remuda {

// "256Mi", "1.5Gi", "500M", "1024": bytes, in units of 1024 (Ki, Mi, Gi, Ti) or
// of 1000 (k, M, G, T). Nothing if the text is not of that form, is not a whole
// number of bytes, or is over 2^53.
std::optional<uint64_t> ParseByteSize(std::string_view text);

// In the largest unit of 1024 that leaves at most one decimal: "256Mi",
// "1.5Gi", "1000".
std::string ByteSizeText(uint64_t bytes);

}  // namespace remuda

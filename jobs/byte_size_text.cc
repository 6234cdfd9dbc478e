#include "jobs/byte_size_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace remuda {
namespace {

constexpr double kBytesMax = 9007199254740992.0;  // exact in a double so far

struct Unit {
  std::string_view name;
  uint64_t bytes;
};

constexpr std::array<Unit, 9> kUnits = {{{"", 1},
                                         {"Ki", uint64_t{1} << 10},
                                         {"Mi", uint64_t{1} << 20},
                                         {"Gi", uint64_t{1} << 30},
                                         {"Ti", uint64_t{1} << 40},
                                         {"k", 1'000},
                                         {"M", 1'000'000},
                                         {"G", 1'000'000'000},
                                         {"T", 1'000'000'000'000}}};

}  // namespace

std::optional<uint64_t> ParseByteSize(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') {
    return std::nullopt;
  }
  double number = 0;
  const char* end = text.data() + text.size();
  const auto read =
      std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (read.ec != std::errc()) return std::nullopt;
  const std::string_view name(read.ptr, static_cast<size_t>(end - read.ptr));
  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    const double bytes = number * static_cast<double>(unit.bytes);
    if (bytes > kBytesMax || bytes != std::floor(bytes)) return std::nullopt;
    return static_cast<uint64_t>(bytes);
  }
  return std::nullopt;
}

std::string ByteSizeText(uint64_t bytes) {
  for (size_t i = 4; i > 0; --i) {
    const Unit& unit = kUnits[i];
    if (bytes < unit.bytes) continue;
    const uint64_t whole = bytes / unit.bytes;
    const uint64_t tenths = bytes % unit.bytes * 10 / unit.bytes;
    std::string text = std::to_string(whole);
    if (tenths != 0) text += "." + std::to_string(tenths);
    return text + std::string(unit.name);
  }
  return std::to_string(bytes);
}

}  // namespace remuda

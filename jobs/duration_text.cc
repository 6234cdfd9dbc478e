#include "jobs/duration_text.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace remuda {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};

// Largest first, which is also the order they are written in.
constexpr std::array<Unit, 7> kUnits = {{{"d", 86'400'000'000'000},
                                         {"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"ns", 1}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Digits before and after the point, as nanoseconds of the unit that follows;
// integer arithmetic, because 0.1 is not exact as a double.
struct Number {
  int64_t whole = 0;
  int64_t fraction = 0;
  int64_t fraction_scale = 1;
};

std::optional<Number> TakeNumber(std::string_view& text) {
  Number number;
  size_t at = 0;
  for (; at < text.size() && IsDigit(text[at]); ++at) {
    number.whole = number.whole * 10 + (text[at] - '0');
    if (number.whole > kDurationMax.count()) return std::nullopt;
  }
  if (at == 0) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    const size_t point = at++;
    for (; at < text.size() && IsDigit(text[at]); ++at) {
      if (number.fraction_scale >= 1'000'000'000) continue;
      number.fraction = number.fraction * 10 + (text[at] - '0');
      number.fraction_scale *= 10;
    }
    if (at == point + 1) return std::nullopt;
  }
  text.remove_prefix(at);
  return number;
}

}  // namespace

std::optional<Duration> ParseDuration(std::string_view text) {
  int64_t total = 0;
  size_t next_unit = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::optional<Number> number = TakeNumber(text);
    if (!number) return std::nullopt;
    size_t letters = 0;
    while (letters < text.size() && !IsDigit(text[letters])) ++letters;
    const std::string_view name = text.substr(0, letters);
    text.remove_prefix(letters);
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) {
      ++next_unit;
    }
    if (next_unit == kUnits.size()) return std::nullopt;
    const int64_t unit = kUnits[next_unit++].nanoseconds;
    if (number->whole > kDurationMax.count() / unit) return std::nullopt;
    // A day is 8.64e13 ns, so a fraction of nine digits needs 128 bits.
    const auto part =
        static_cast<int64_t>(static_cast<__int128>(number->fraction) * unit /
                             number->fraction_scale);
    total += number->whole * unit + part;
    if (total > kDurationMax.count()) return std::nullopt;
  }
  return Duration(total);
}

std::string DurationText(Duration duration) {
  int64_t left = duration.count();
  std::string text;
  if (left < 0) {
    text += '-';
    left = -left;
  }
  for (const Unit& unit : kUnits) {
    if (left < unit.nanoseconds) continue;
    text += std::to_string(left / unit.nanoseconds);
    text += unit.name;
    left %= unit.nanoseconds;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace remuda

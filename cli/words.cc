#include "cli/words.h"

#include <cmath>
#include <cstdio>

namespace remuda {
namespace {

std::string Format(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

std::string Pair(int64_t big, const char* big_unit, int64_t small,
                 const char* small_unit) {
  char buffer[96];
  std::snprintf(buffer, sizeof buffer, "%lld %s %02lld %s",
                static_cast<long long>(big), big_unit,
                static_cast<long long>(small), small_unit);
  return buffer;
}

void AppendVisible(std::string& out, unsigned char byte) {
  char buffer[8];
  std::snprintf(buffer, sizeof buffer, "\\x%02x", byte);
  out += buffer;
}

// The bytes of the UTF-8 character that starts here, 1 for a stray byte.
size_t CharacterBytes(std::string_view text, size_t at) {
  const unsigned char lead = static_cast<unsigned char>(text[at]);
  const size_t bytes = lead < 0x80    ? 1
                       : lead >= 0xf0 ? 4
                       : lead >= 0xe0 ? 3
                       : lead >= 0xc0 ? 2
                                      : 1;
  return at + bytes <= text.size() ? bytes : 1;
}

// C1 controls (U+0080 to U+009F) steer some terminals too.
bool IsControl(std::string_view character) {
  const unsigned char lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) {
    return lead < 0x20 || lead == 0x7f || lead >= 0x80;
  }
  return character.size() == 2 && lead == 0xc2 &&
         static_cast<unsigned char>(character[1]) < 0xa0;
}

std::string Safe(std::string_view text, size_t width, bool keep_lines) {
  std::string out;
  size_t shown = 0;
  for (size_t at = 0; at < text.size();) {
    if (shown == width) return out + "…";
    const std::string_view character =
        text.substr(at, CharacterBytes(text, at));
    at += character.size();
    ++shown;
    const bool is_space = character == "\n" || character == "\t";
    if (is_space && keep_lines) {
      out += character;
    } else if (is_space) {
      out += ' ';
    } else if (IsControl(character)) {
      for (const char byte : character) {
        AppendVisible(out, static_cast<unsigned char>(byte));
      }
    } else {
      out += character;
    }
  }
  return out;
}

}  // namespace

std::string CountText(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string ElapsedText(Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  if (seconds < 0.0095) return Format("%.1f ms", seconds * 1e3);
  if (seconds < 0.9995) return Format("%.0f ms", seconds * 1e3);
  if (seconds < 59.95) return Format("%.1f s", seconds);
  const int64_t whole = std::llround(seconds);
  if (whole < 3600) return Pair(whole / 60, "min", whole % 60, "s");
  return Pair(whole / 3600, "h", whole % 3600 / 60, "min");
}

std::string SafeText(std::string_view text, size_t width) {
  return Safe(text, width, false);
}

std::string SafeLines(std::string_view text) {
  return Safe(text, std::string_view::npos, true);
}

}  // namespace remuda

#include "base/json_string.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace remuda {
namespace {

// Of each byte the letter after a backslash; 'u' where it has none, 0 where it
// stands for itself.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  for (size_t byte = 0; byte < 0x20; ++byte) escapes[byte] = 'u';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

}  // namespace

void AppendJsonString(std::string& text, std::string_view utf8) {
  text += '"';
  size_t done = 0;
  for (size_t at = 0; at < utf8.size(); ++at) {
    const auto byte = static_cast<uint8_t>(utf8[at]);
    const char escape = kEscapes[byte];
    if (escape == 0) continue;
    text.append(utf8, done, at - done);
    done = at + 1;
    text += '\\';
    text += escape;
    if (escape != 'u') continue;
    text += byte < 0x10 ? "000" : "001";
    text += "0123456789abcdef"[byte % 0x10];
  }
  text.append(utf8, done);
  text += '"';
}

}  // namespace remuda

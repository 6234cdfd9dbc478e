#include "executors/handlers/charset.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace remuda {
namespace {

constexpr size_t kMetaBytesMax = 1024;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

// The value after `charset=`, as headers and <meta> both write it.
std::string CharsetIn(std::string_view text) {
  const std::string lower = Lower(text);
  size_t at = lower.find("charset");
  while (at != std::string::npos) {
    size_t i = lower.find_first_not_of(" \t\r\n", at + 7);
    if (i != std::string::npos && lower[i] == '=') {
      i = lower.find_first_not_of(" \t\r\n\"'", i + 1);
      if (i == std::string::npos) return "";
      const size_t end = lower.find_first_of(" \t\r\n\"';/>", i);
      return lower.substr(i, end == std::string::npos ? end : end - i);
    }
    at = lower.find("charset", at + 7);
  }
  return "";
}

std::string CharsetOfMeta(std::string_view page) {
  const std::string head = Lower(page.substr(0, kMetaBytesMax));
  size_t at = head.find("<meta");
  while (at != std::string::npos) {
    const size_t end = head.find('>', at);
    if (end == std::string::npos) return "";
    const std::string charset =
        CharsetIn(std::string_view(head).substr(at, end - at));
    // A page that says so in ASCII bytes cannot be in UTF-16.
    if (charset.starts_with("utf-16")) return "utf-8";
    if (!charset.empty()) return charset;
    at = head.find("<meta", end);
  }
  return "";
}

std::string CharsetOf(std::string_view page, std::string_view content_type) {
  if (page.starts_with("\xEF\xBB\xBF")) return "utf-8";
  if (page.starts_with("\xFE\xFF")) return "utf-16be";
  if (page.starts_with("\xFF\xFE")) return "utf-16le";
  std::string charset = CharsetIn(content_type);
  if (charset.empty()) charset = CharsetOfMeta(page);
  // The web's names for one and the same.
  if (charset == "latin1" || charset == "iso-8859-1" || charset == "ascii" ||
      charset == "us-ascii" || charset == "iso8859-1") {
    return "windows-1252";
  }
  return charset;
}

// The length of the valid UTF-8 character at `at`; 0 if it is none.
size_t CharacterLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0   ? 4
                        : lead >= 0xE0 ? 3
                        : lead >= 0xC2 ? 2
                                       : 0;
  if (length == 0 || lead > 0xF4) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

// False if the charset is not known.
bool Convert(const std::string& charset, std::string& page) {
  const iconv_t conversion = iconv_open("UTF-8", charset.c_str());
  if (conversion == reinterpret_cast<iconv_t>(-1)) return false;
  std::string converted;
  char* in = page.data();
  size_t in_left = page.size();
  char buffer[4096];
  while (in_left > 0) {
    char* out = buffer;
    size_t out_left = sizeof(buffer);
    const size_t result = iconv(conversion, &in, &in_left, &out, &out_left);
    const int error = errno;
    converted.append(buffer, static_cast<size_t>(out - buffer));
    if (result != static_cast<size_t>(-1) || error == E2BIG) continue;
    converted += kReplacement;
    ++in;
    --in_left;
  }
  iconv_close(conversion);
  page = std::move(converted);
  return true;
}

}  // namespace

std::string PageToUtf8(std::string page, const std::string& content_type) {
  const std::string charset = CharsetOf(page, content_type);
  if (charset != "utf-8" && charset != "utf8" && !charset.empty()) {
    Convert(charset, page);
  }
  if (page.starts_with("\xEF\xBB\xBF")) page.erase(0, 3);
  return page;
}

bool IsUtf8(const std::string& text) {
  for (size_t i = 0; i < text.size();) {
    // Of most pages most bytes: eight at a time.
    uint64_t eight = 0;
    if (text.size() - i >= sizeof(eight)) {
      std::memcpy(&eight, text.data() + i, sizeof(eight));
      if ((eight & 0x8080'8080'8080'8080) == 0) {
        i += sizeof(eight);
        continue;
      }
    }
    const size_t length = CharacterLength(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string RepairUtf8(std::string text) {
  if (IsUtf8(text)) return text;
  std::string repaired;
  for (size_t i = 0; i < text.size();) {
    const size_t length = CharacterLength(text, i);
    repaired += length == 0 ? kReplacement : text.substr(i, length);
    i += std::max<size_t>(length, 1);
  }
  return repaired;
}

}  // namespace remuda

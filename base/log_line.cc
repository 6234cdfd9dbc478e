#include "base/log_line.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace remuda {
namespace {

// The length of the valid UTF-8 sequence at the front of `text`, or 0.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t length = 0;
  uint32_t code = 0;
  uint32_t lowest = 0;
  if ((first & 0xe0) == 0xc0) {
    length = 2, code = first & 0x1f, lowest = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    length = 3, code = first & 0x0f, lowest = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    length = 4, code = first & 0x07, lowest = 0x10000;
  }
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < lowest || code > 0x10ffff || surrogate ? 0 : length;
}

void AppendEscape(unsigned char byte, std::string& to) {
  switch (byte) {
    case '"':
      to += "\\\"";
      return;
    case '\\':
      to += "\\\\";
      return;
    case '\n':
      to += "\\n";
      return;
    case '\r':
      to += "\\r";
      return;
    case '\t':
      to += "\\t";
      return;
    default:
      to += "\\u00";
      to += "0123456789abcdef"[byte >> 4];
      to += "0123456789abcdef"[byte & 15];
  }
}

void AppendQuoted(std::string_view text, std::string& to) {
  const bool cut = text.size() > kLogTextBytesMax;
  if (cut) text = text.substr(0, kLogTextBytesMax);
  to += '"';
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    size_t length = SequenceLength(text);
    // DEL and the controls of Latin-1 steer terminals too.
    const bool control = first < 0x20 || first == 0x7f ||
                         (first == 0xc2 && length == 2 &&
                          static_cast<unsigned char>(text[1]) < 0xa0);
    if (length == 0) {
      to += "\xef\xbf\xbd";
      length = 1;
    } else if (control || first == '"' || first == '\\') {
      AppendEscape(length == 2 ? static_cast<unsigned char>(text[1]) : first,
                   to);
    } else {
      to.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  if (cut) to += "…";
  to += '"';
}

// Bare where it cannot be mistaken for anything else.
void AppendWord(std::string_view text, std::string& to) {
  bool plain = !text.empty() && text.size() <= kLogTextBytesMax;
  for (const char c : text) {
    plain &= c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  }
  if (plain) {
    to += text;
  } else {
    AppendQuoted(text, to);
  }
}

template <typename Number>
void AppendNumber(Number number, std::string& to) {
  std::array<char, 32> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  to.append(digits.data(), end);
}

enum class Style { kJson, kText };

struct ValueAppender {
  void operator()(std::string_view text) const {
    if (style == Style::kJson) {
      AppendQuoted(text, to);
    } else {
      AppendWord(text, to);
    }
  }
  void operator()(bool flag) const { to += flag ? "true" : "false"; }
  void operator()(double number) const {
    // JSON has no infinity; unknown is null everywhere in this project.
    if (std::isfinite(number)) {
      AppendNumber(number, to);
    } else {
      to += "null";
    }
  }
  void operator()(int64_t number) const { AppendNumber(number, to); }
  void operator()(uint64_t number) const { AppendNumber(number, to); }

  Style style;
  std::string& to;
};

struct Calendar {
  int year;
  unsigned month;
  unsigned day;
  int hour;
  int minute;
  int second;
  int micros;
};

Calendar Split(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(
      std::chrono::floor<std::chrono::microseconds>(time - day));
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<unsigned>(date.month()),
          .day = static_cast<unsigned>(date.day()),
          .hour = static_cast<int>(clock.hours().count()),
          .minute = static_cast<int>(clock.minutes().count()),
          .second = static_cast<int>(clock.seconds().count()),
          .micros = static_cast<int>(clock.subseconds().count())};
}

}  // namespace

std::string LogLineJson(const LogLine& line) {
  std::string json = "{\"time\":\"" + Rfc3339Micros(line.time);
  json += "\",\"level\":\"";
  json += LogLevelName(line.level);
  json += "\",\"component\":";
  AppendQuoted(line.component, json);
  json += ",\"event\":";
  AppendQuoted(line.event, json);
  json += ",\"message\":";
  AppendQuoted(line.message, json);
  for (const LogField& field : line.fields) {
    json += ',';
    AppendQuoted(field.key, json);
    json += ':';
    std::visit(ValueAppender{.style = Style::kJson, .to = json}, field.value);
  }
  json += '}';
  return json;
}

std::string LogLineText(const LogLine& line) {
  const Calendar at = Split(line.time);
  std::array<char, 64> head;
  std::snprintf(head.data(), head.size(), "%02d:%02d:%02d.%03d %-7s ", at.hour,
                at.minute, at.second, at.micros / 1000,
                std::string(LogLevelName(line.level)).c_str());
  std::string text = head.data();
  AppendWord(line.component, text);
  text += ' ';
  AppendWord(line.event, text);
  text += ": ";
  text += line.message;
  for (const LogField& field : line.fields) {
    text += ' ';
    AppendWord(field.key, text);
    text += '=';
    std::visit(ValueAppender{.style = Style::kText, .to = text}, field.value);
  }
  return text;
}

std::string Rfc3339Micros(WallTime time) {
  const Calendar at = Split(time);
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                at.year, at.month, at.day, at.hour, at.minute, at.second,
                at.micros);
  return text.data();
}

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

}  // namespace remuda

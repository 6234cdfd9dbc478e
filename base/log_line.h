#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"

namespace remuda {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One key and value of a log line; borrows both for the call.
struct LogField {
  using Value = std::variant<std::string_view, int64_t, uint64_t, double, bool>;

  LogField(std::string_view name, const char* text)
      : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, std::string_view text)
      : key(name), value(text) {}
  LogField(std::string_view name, const std::string& text)
      : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, bool flag) : key(name), value(flag) {}
  LogField(std::string_view name, std::floating_point auto number)
      : key(name), value(static_cast<double>(number)) {}
  LogField(std::string_view name, std::signed_integral auto number)
      : key(name), value(static_cast<int64_t>(number)) {}
  LogField(std::string_view name, std::unsigned_integral auto number)
      : key(name), value(static_cast<uint64_t>(number)) {}

  std::string_view key;
  Value value;
};

// What one log line says. `event` is a code that machines look for and that
// never changes; `message` is a constant sentence for people; what varies is
// in the fields.
struct LogLine {
  WallTime time;
  LogLevel level = LogLevel::kInfo;
  std::string_view component;
  std::string_view event;
  std::string_view message;
  std::initializer_list<LogField> fields;
};

// A text longer than this is cut off, and the line says so with an ellipsis:
// what users send must not fill a disk.
inline constexpr size_t kLogTextBytesMax = 8192;

// One JSON object without a line break:
// {"time":"2024-02-29T12:00:00.000000Z","level":"info","component":…,
//  "event":…,"message":…, then the fields}. Always valid JSON and UTF-8,
// whatever the texts hold: other bytes become U+FFFD.
std::string LogLineJson(const LogLine& line);

// For people at a terminal:
// 12:00:00.000 info  agent started: The agent is ready. slots=4 name="a b"
std::string LogLineText(const LogLine& line);

// "2024-02-29T12:00:00.000000Z"
std::string Rfc3339Micros(WallTime time);

// "debug", "info", "warning", "error".
std::string_view LogLevelName(LogLevel level);

}  // namespace remuda

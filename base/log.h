#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/log_line.h"

namespace remuda {

// How this process logs; main() decides, once, before it starts threads.
struct LogOptions {
  enum class Format {
    kAuto,  // text if stderr is a terminal, else JSON
    kJson,
    kText,
  };

  // Which part of Remuda this is: "coordinator", "agent", "cli".
  std::string component = "remuda";
  LogLevel level = LogLevel::kInfo;
  Format format = Format::kAuto;
};

void ConfigureLog(const LogOptions& options);

// Whether lines of this level are written: for fields that cost something to
// find out.
bool LogEnabled(LogLevel level);

// Writes one line to stderr at once, as base/log_line.h describes. Log() is for
// operators; what belongs to a job (its events, its tasks' output) goes to the
// store. Never fails: a line that cannot be written is dropped.
//
//   Log(LogLevel::kInfo, "agent_joined", "An agent has registered.",
//       {{"agent", name}, {"slots", slots}});
//
// Thread: any.
void Log(LogLevel level, std::string_view event, std::string_view message,
         std::initializer_list<LogField> fields = {});

}  // namespace remuda

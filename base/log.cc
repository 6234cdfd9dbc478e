#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <utility>

namespace remuda {
namespace {

// The process's only log, made on first use and never destroyed, so that
// threads that outlive main() can still write.
class ProcessLog {
 public:
  static ProcessLog& Get() {
    static ProcessLog* const log = new ProcessLog;
    return *log;
  }

  void Configure(const LogOptions& options) {
    component_ = options.component;
    level_ = options.level;
    text_ = options.format == LogOptions::Format::kText ||
            (options.format == LogOptions::Format::kAuto &&
             isatty(STDERR_FILENO) == 1);
  }

  bool Enabled(LogLevel level) const {
    return level >= level_.load(std::memory_order_relaxed);
  }

  void Write(LogLine line) {
    line.time = clock_.WallNow();
    line.component = component_;
    const std::string text = text_ ? LogLineText(line) : LogLineJson(line);
    // spdlog only moves whole lines: it locks, writes and flushes. It reports
    // its own failures to the handler below instead of throwing.
    logger_.log(spdlog::level::info, spdlog::string_view_t(text));
  }

 private:
  ProcessLog()
      : logger_("remuda", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_pattern("%v");
    logger_.set_level(spdlog::level::trace);
    logger_.flush_on(spdlog::level::trace);
    logger_.set_error_handler([](const std::string&) {});
  }

  const SystemClock clock_;
  std::string component_ = "remuda";
  std::atomic<LogLevel> level_ = LogLevel::kInfo;
  bool text_ = false;
  spdlog::logger logger_;
};

}  // namespace

void ConfigureLog(const LogOptions& options) {
  ProcessLog::Get().Configure(options);
}

bool LogEnabled(LogLevel level) { return ProcessLog::Get().Enabled(level); }

void Log(LogLevel level, std::string_view event, std::string_view message,
         std::initializer_list<LogField> fields) {
  ProcessLog& log = ProcessLog::Get();
  if (!log.Enabled(level)) return;
  log.Write({.time = {},
             .level = level,
             .component = {},
             .event = event,
             .message = message,
             .fields = fields});
}

}  // namespace remuda

#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/print.h"
#include "cli/words.h"
#include "nlohmann/json.hpp"
#include "wire/reply_json.h"

namespace remuda {
namespace {

using nlohmann::json;

void Write(const std::string& bytes) {
  // A terminal is not steered by what a task wrote.
  const std::string text =
      isatty(STDOUT_FILENO) == 1 ? SafeLines(bytes) : bytes;
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// Where the bytes of a stream go.
class Sink {
 public:
  explicit Sink(bool as_json) : as_json_(as_json) {}

  void Add(const char* name, const std::string& bytes) {
    if (!as_json_) return Write(bytes);
    collected_[name] = collected_.value(name, "") + bytes;
  }

  void Finish() {
    if (as_json_) {
      PrintData(
          collected_.dump(-1, ' ', false, json::error_handler_t::replace));
    }
    std::fflush(stdout);
  }

 private:
  const bool as_json_;
  json collected_ = json::object();
};

struct Stream {
  uint8_t number;
  const char* name;
};

// Copies what the coordinator keeps of the stream; false if it keeps nothing.
absl::StatusOr<bool> CopyKept(Connection& connection,
                              const LogsOptions& options, const Stream& stream,
                              Sink& sink) {
  GetLogs request{.job = JobId{options.job},
                  .task = options.task,
                  .stream = stream.number,
                  .offset = 0};
  while (true) {
    absl::StatusOr<LogPage> page = connection.Ask<LogPage>(request);
    if (!page.ok()) return page.status();
    if (!page->found) return false;
    sink.Add(stream.name, page->bytes);
    if (page->end) {
      if (page->truncated) {
        PrintWords(std::string("remuda: ") + stream.name +
                   " went on; what came after the limit was not kept");
      }
      return true;
    }
    request.offset = page->next;
  }
}

}  // namespace

ExitCode LogsCommand(const LogsOptions& options) {
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(options.common, Embedded::Needs::kCoordinator);
  if (!connection.ok()) return Fail(connection.status());
  absl::StatusOr<ResultPage> page =
      (*connection)
          ->Ask<ResultPage>(GetResults{
              .job = JobId{options.job}, .first = options.task, .limit = 1});
  if (!page.ok()) return Fail(page.status());
  if (page->tasks.empty()) {
    return Fail(absl::NotFoundError("job " + std::to_string(options.job) +
                                    " has no task " +
                                    std::to_string(options.task)));
  }
  Sink sink(options.common.json);
  for (const Stream& stream :
       std::array<Stream, 2>{{{1, "stdout"}, {2, "stderr"}}}) {
    if (stream.number == 1 && options.only_stderr) continue;
    if (stream.number == 2 && options.only_stdout) continue;
    absl::StatusOr<bool> kept = CopyKept(**connection, options, stream, sink);
    if (!kept.ok()) return Fail(kept.status());
    if (!*kept)
      sink.Add(stream.name, InlineStream(page->tasks[0].output, stream.name));
  }
  sink.Finish();
  return ExitCode::kOk;
}

}  // namespace remuda

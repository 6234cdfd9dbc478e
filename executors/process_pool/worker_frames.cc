#include "executors/process_pool/worker_frames.h"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "jobs/duration_text.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

using nlohmann::json;

// Numbers of tasks are text, as not every language has 64 bits for a number.
uint64_t TaskNumber(const json& message, const char* name) {
  const auto found = message.find(name);
  uint64_t number = 0;
  if (found == message.end()) return number;
  if (found->is_number_unsigned()) return found->get<uint64_t>();
  if (!found->is_string()) return number;
  const auto& text = found->get_ref<const std::string&>();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string Text(const json& message, const char* name) {
  const auto found = message.find(name);
  if (found == message.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

std::optional<uint64_t> Number(const json& message, const char* name) {
  const auto found = message.find(name);
  if (found == message.end() || !found->is_number_unsigned()) {
    return std::nullopt;
  }
  return found->get<uint64_t>();
}

// Not known if it is longer than any span that the house knows: sums of such
// would overflow.
std::optional<Duration> Span(const json& message, const char* name) {
  const auto nanoseconds = Number(message, name);
  const auto most = static_cast<uint64_t>(kDurationMax.count());
  if (!nanoseconds || *nanoseconds > most) return std::nullopt;
  return Duration(static_cast<int64_t>(*nanoseconds));
}

absl::StatusOr<WorkerResult> ParseResult(const json& entry,
                                         const std::string& type) {
  if (!entry.is_object()) {
    return absl::InvalidArgumentError("a result is not an object");
  }
  WorkerResult result;
  result.first = TaskNumber(entry, "id");
  result.count = Number(entry, "count").value_or(1);
  if (result.first == 0 || result.count == 0 ||
      result.count - 1 > std::numeric_limits<uint64_t>::max() - result.first) {
    return absl::InvalidArgumentError("a result without the id of its task");
  }
  const std::string ending =
      entry.contains("ending") ? Text(entry, "ending") : type;
  if (ending == "succeeded" || ending == "result" || ending == "results") {
    result.ending = WorkerResult::Ending::kSucceeded;
  } else if (ending == "error") {
    result.ending = WorkerResult::Ending::kError;
  } else if (ending == "cancelled") {
    result.ending = WorkerResult::Ending::kCancelled;
  } else if (ending == "returned") {
    result.ending = WorkerResult::Ending::kReturned;
  } else {
    return absl::InvalidArgumentError("a result with the unknown ending '" +
                                      ending + "'");
  }
  result.output = Text(entry, "output");
  result.error = Text(entry, "error");
  if (!result.output.empty() && !IsJson(result.output)) {
    result.ending = WorkerResult::Ending::kError;
    result.output.clear();
    result.error =
        "the result is not JSON that can be kept: it must nest at "
        "most " +
        std::to_string(kJsonDepthMax) + " levels deep";
  }
  result.wall = Span(entry, "wall_ns").value_or(Duration::zero());
  result.cpu = Span(entry, "cpu_ns");
  result.switches_voluntary = Number(entry, "switches_voluntary");
  result.switches_involuntary = Number(entry, "switches_involuntary");
  return result;
}

absl::StatusOr<WorkerMessage> ParseResults(const json& message,
                                           const std::string& type) {
  std::vector<WorkerResult> results;
  if (type != "results") {
    auto result = ParseResult(message, type);
    if (!result.ok()) return result.status();
    results.push_back(*std::move(result));
    return results;
  }
  const auto list = message.find("results");
  if (list == message.end() || !list->is_array()) {
    return absl::InvalidArgumentError("'results' without its list");
  }
  for (const json& entry : *list) {
    auto result = ParseResult(entry, type);
    if (!result.ok()) return result.status();
    results.push_back(*std::move(result));
  }
  return results;
}

std::string Quoted(uint64_t number) {
  return "\"" + std::to_string(number) + "\"";
}

// Whether `task` may follow `before` in a range.
bool Follows(const PoolTask& before, const PoolTask& task, bool with_items) {
  return task.worker_task == before.worker_task + 1 &&
         task.attempt.id.task == before.attempt.id.task + 1 &&
         task.attempt.id.fence == before.attempt.id.fence &&
         task.parameters.empty() &&
         (!with_items || task.attempt.item == "null");
}

bool IsRange(std::span<PoolTask* const> tasks, bool with_items) {
  if (!tasks[0]->parameters.empty()) return false;
  if (with_items && tasks[0]->attempt.item != "null") return false;
  for (size_t i = 1; i < tasks.size(); ++i) {
    if (!Follows(*tasks[i - 1], *tasks[i], with_items)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<WorkerMessage> ParseWorkerMessage(std::string_view body) {
  const json message = json::parse(body, nullptr, false);
  if (!message.is_object()) {
    return absl::InvalidArgumentError("a frame that is not a JSON object");
  }
  const std::string type = Text(message, "type");
  if (type == "results" || type == "result" || type == "error") {
    return ParseResults(message, type);
  }
  if (type == "log") {
    return WorkerLog{.task = TaskNumber(message, "id"),
                     .is_stderr = Text(message, "stream") == "stderr",
                     .text = Text(message, "text"),
                     .file = Text(message, "file")};
  }
  if (type == "hello") {
    return WorkerHello{
        .protocol = static_cast<int>(Number(message, "protocol").value_or(0)),
        .language = Text(message, "language"),
        .pid = static_cast<int32_t>(Number(message, "pid").value_or(0))};
  }
  if (type == "ready") {
    return WorkerReady{.credits = Number(message, "credits").value_or(1)};
  }
  if (type == "started" || type == "progress" || type == "pong") {
    return WorkerRemark{};
  }
  return absl::InvalidArgumentError("a frame of the unknown type '" + type +
                                    "'");
}

std::string WelcomeMessage(const std::string& log_folder) {
  return "{\"type\":\"welcome\",\"protocol\":2,\"log_folder\":" +
         JsonString(log_folder) + ",\"mode\":\"process\",\"slots\":1}";
}

std::string CancelMessage(uint64_t task) {
  return "{\"type\":\"cancel\",\"id\":" + Quoted(task) + "}";
}

std::string DrainMessage() { return "{\"type\":\"drain\"}"; }

std::string TasksMessage(std::span<PoolTask* const> tasks, bool with_items) {
  const PoolTask& first = *tasks[0];
  const JobWork& work = *first.attempt.work;
  std::string message =
      "{\"type\":\"tasks\",\"job_type\":" + JsonString(work.job.type) +
      ",\"job\":" + Quoted(work.id.value);
  if (work.parameters.is_constant()) {
    // Rendered once for all; it cannot fail without a template.
    const auto shared = work.parameters.Render("null", 0);
    message += ",\"parameters\":" + (shared.ok() ? *shared : "{}");
  }
  if (IsRange(tasks, with_items)) {
    return message + ",\"range\":{\"id\":" + Quoted(first.worker_task) +
           ",\"count\":" + std::to_string(tasks.size()) +
           ",\"index\":" + Quoted(first.attempt.id.task) +
           ",\"attempt\":" + std::to_string(first.attempt.id.fence.value) +
           "}}";
  }
  message += ",\"tasks\":[";
  for (const PoolTask* task : tasks) {
    if (task != &first) message += ',';
    message += "{\"id\":" + Quoted(task->worker_task) +
               ",\"index\":" + Quoted(task->attempt.id.task) +
               ",\"attempt\":" + std::to_string(task->attempt.id.fence.value);
    if (with_items) message += ",\"item\":" + task->attempt.item;
    if (!task->parameters.empty()) {
      message += ",\"parameters\":" + task->parameters;
    }
    message += '}';
  }
  return message + "]}";
}

}  // namespace remuda

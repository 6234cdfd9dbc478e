#include "executors/workers/worker_frames.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "base/check.h"
#include "jobs/duration_text.h"
#include "jobs/json_text.h"
#include "workers/protocol/worker_channel.h"

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
  Usage& usage = result.usage;
  usage.cpu = Span(entry, "cpu_ns");
  usage.run_queue_delay = Span(entry, "run_queue_ns");
  usage.gil_wait = Span(entry, "gil_wait_ns");
  usage.gil_held = Span(entry, "gil_held_ns");
  usage.loop_wait = Span(entry, "loop_wait_ns");
  usage.loop_lag = Span(entry, "loop_lag_ns");
  usage.switches_voluntary = Number(entry, "switches_voluntary");
  usage.switches_involuntary = Number(entry, "switches_involuntary");
  usage.bytes_in = Number(entry, "bytes_in");
  usage.bytes_out = Number(entry, "bytes_out");
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
bool Follows(const WorkerTask& before, const WorkerTask& task,
             bool with_items) {
  return task.number == before.number + 1 &&
         task.attempt->id.task == before.attempt->id.task + 1 &&
         task.attempt->id.fence == before.attempt->id.fence &&
         task.parameters.empty() &&
         (!with_items || task.attempt->item == "null");
}

bool IsRange(std::span<const WorkerTask> tasks, bool with_items) {
  if (!tasks[0].parameters.empty()) return false;
  if (with_items && tasks[0].attempt->item != "null") return false;
  for (size_t i = 1; i < tasks.size(); ++i) {
    if (!Follows(tasks[i - 1], tasks[i], with_items)) return false;
  }
  return true;
}

// As text, cut where it is too long for a line of the log.
std::string Facts(const json& message) {
  const auto facts = message.find("facts");
  if (facts == message.end() || !facts->is_object()) return {};
  std::string text = facts->dump(-1, ' ', true);
  if (text.size() > kFindingTextMax) text.resize(kFindingTextMax);
  return text;
}

WorkerHello ParseHello(const json& message) {
  WorkerHello hello;
  hello.protocol = static_cast<int>(Number(message, "protocol").value_or(0));
  hello.language = Text(message, "language");
  hello.pid = static_cast<int32_t>(Number(message, "pid").value_or(0));
  hello.facts = Facts(message);
  const auto facts = message.find("facts");
  hello.is_free_threaded = facts != message.end() && facts->is_object() &&
                           facts->contains("gil") && facts->at("gil") == false;
  const auto modes = message.find("modes");
  if (modes == message.end() || !modes->is_array()) return hello;
  hello.modes.clear();
  for (const json& mode : *modes) {
    if (mode.is_string()) hello.modes.push_back(mode.get<std::string>());
  }
  return hello;
}

// The words are a user's, so what is too long for a person is cut.
std::string Words(const json& message, const char* name) {
  std::string text = Text(message, name);
  if (text.size() > kFindingTextMax) {
    text.resize(kFindingTextMax);
    text.resize(ValidUtf8Prefix(text));
  }
  return text;
}

absl::StatusOr<WorkerMessage> ParseProgress(const json& message) {
  WorkerFinding parsed;
  parsed.task = TaskNumber(message, "id");
  const auto fraction = message.find("fraction");
  if (parsed.task == 0 || fraction == message.end() || !fraction->is_number()) {
    return absl::InvalidArgumentError("'progress' without id and fraction");
  }
  parsed.finding.progress = std::clamp(fraction->get<double>(), 0.0, 1.0);
  parsed.finding.text = Words(message, "text");
  return parsed;
}

absl::StatusOr<WorkerMessage> ParseFinding(const json& message) {
  WorkerFinding parsed;
  parsed.task = TaskNumber(message, "id");
  Finding& finding = parsed.finding;
  finding.job = JobId{TaskNumber(message, "job")};
  finding.code = Text(message, "code");
  if (finding.code.empty() || finding.code.size() > kFindingCodeMax ||
      finding.code.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") !=
          std::string::npos) {
    return absl::InvalidArgumentError("a finding without a proper code");
  }
  finding.text = Words(message, "text");
  finding.function = Words(message, "function");
  finding.file = Words(message, "file");
  finding.line = Number(message, "line").value_or(0);
  const auto seconds = message.find("seconds");
  if (seconds != message.end() && seconds->is_number()) {
    const double most = std::chrono::duration<double>(kDurationMax).count();
    finding.duration =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
            std::clamp(seconds->get<double>(), 0.0, most / 2)));
  }
  return parsed;
}

// The beginning of a message that is about tasks of one job.
std::string MessageForJob(const char* type, const JobWork& work) {
  return std::string("{\"type\":\"") + type +
         "\",\"job_type\":" + JsonString(work.job.type) +
         ",\"job\":" + Quoted(work.id.value);
}

// Rendered once for all; it cannot fail without a template.
std::string SharedParameters(const JobWork& work) {
  const auto shared = work.parameters.Render("null", 0);
  return shared.ok() ? *shared : "{}";
}

}  // namespace

std::string_view Name(WorkerMode mode) {
  static constexpr std::array<std::string_view, 3> kNames = {"process",
                                                             "threads", "loop"};
  const size_t index = static_cast<size_t>(mode);
  CHECK(index < kNames.size());
  return kNames[index];
}

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
  if (type == "hello") return ParseHello(message);
  if (type == "finding") return ParseFinding(message);
  if (type == "ready") {
    return WorkerReady{.credits = Number(message, "credits").value_or(1)};
  }
  if (type == "pong") {
    return WorkerPong{.number = Number(message, "number").value_or(0)};
  }
  if (type == "progress") return ParseProgress(message);
  if (type == "facts") return WorkerFacts{.json = Facts(message)};
  if (type == "full") return WorkerFull{};
  if (type == "started") return WorkerRemark{};
  return absl::InvalidArgumentError("a frame of the unknown type '" + type +
                                    "'");
}

std::string WelcomeMessage(const std::string& log_folder,
                           const WorkerHosting& hosting) {
  return "{\"type\":\"welcome\",\"protocol\":" +
         std::to_string(kWorkerProtocol) +
         ",\"log_folder\":" + JsonString(log_folder) + ",\"mode\":\"" +
         std::string(Name(hosting.mode)) +
         "\",\"slots\":" + std::to_string(hosting.slots) +
         ",\"cpus\":" + std::to_string(hosting.cpus) + "}";
}

std::string CancelMessage(uint64_t task) {
  return "{\"type\":\"cancel\",\"id\":" + Quoted(task) + "}";
}

std::string DrainMessage() { return "{\"type\":\"drain\"}"; }

std::string PingMessage(uint64_t number) {
  return "{\"type\":\"ping\",\"number\":" + std::to_string(number) + "}";
}

std::string TasksMessage(std::span<const WorkerTask> tasks, bool with_items) {
  const WorkerTask& first = tasks[0];
  const JobWork& work = *first.attempt->work;
  std::string message = MessageForJob("tasks", work);
  if (work.parameters.is_constant()) {
    message += ",\"parameters\":" + SharedParameters(work);
  }
  if (!work.job.outputs.to.empty()) {
    message += ",\"outputs\":" + JsonString(work.job.outputs.to);
  }
  if (IsRange(tasks, with_items)) {
    return message + ",\"range\":{\"id\":" + Quoted(first.number) +
           ",\"count\":" + std::to_string(tasks.size()) +
           ",\"index\":" + Quoted(first.attempt->id.task) +
           ",\"attempt\":" + std::to_string(first.attempt->id.fence.value) +
           "}}";
  }
  message += ",\"tasks\":[";
  for (const WorkerTask& task : tasks) {
    if (&task != &first) message += ',';
    const AttemptId& id = task.attempt->id;
    message += "{\"id\":" + Quoted(task.number) +
               ",\"index\":" + Quoted(id.task) +
               ",\"attempt\":" + std::to_string(id.fence.value);
    if (with_items) message += ",\"item\":" + task.attempt->item;
    if (!task.parameters.empty()) {
      message += ",\"parameters\":";
      message += task.parameters;
    }
    message += '}';
  }
  return message + "]}";
}

std::string PrepareMessage(const WorkerTask& task) {
  const JobWork& work = *task.attempt->work;
  const std::string parameters = task.parameters.empty()
                                     ? SharedParameters(work)
                                     : std::string(task.parameters);
  return MessageForJob("prepare", work) + ",\"parameters\":" + parameters + "}";
}

}  // namespace remuda

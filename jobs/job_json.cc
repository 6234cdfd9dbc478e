#include "jobs/job_json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "jobs/job_check.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kKindNames = {"one", "range",
                                                        "matrix", "list"};
constexpr std::array<std::string_view, 7> kWrittenNames = {
    "nothing", "range", "matrix", "items", "lines", "glob", "csv"};

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json Parse(const std::string& text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

Json ExecutorToJson(const ExecutorRequest& request) {
  Json json = Json::object();
  if (request.exactly) json["exactly"] = Name(*request.exactly);
  if (request.prefer) json["prefer"] = Name(*request.prefer);
  if (request.require) json["require"] = Name(*request.require);
  if (!request.safe_on.empty()) {
    Json kinds = Json::array();
    for (const ExecutorKind kind : request.safe_on) kinds.push_back(Name(kind));
    json["safe_on"] = std::move(kinds);
  }
  if (request.pinned) {
    json["pinned"] = Name(*request.pinned);
    json["pinned_reason"] = request.pinned_reason;
  }
  return json;
}

Json TasksToJson(const TaskSource& source) {
  Json json = {{"kind", kKindNames[static_cast<size_t>(source.kind)]},
               {"written", kWrittenNames[static_cast<size_t>(source.written)]}};
  switch (source.kind) {
    case TaskSource::Kind::kOne:
      break;
    case TaskSource::Kind::kRange:
      json["from"] = source.from;
      json["to"] = source.to;
      json["step"] = source.step;
      break;
    case TaskSource::Kind::kMatrix: {
      Json axes = Json::array();
      for (const auto& [name, texts] : source.axes) {
        Json values = Json::array();
        for (const std::string& text : texts) values.push_back(Parse(text));
        axes.push_back({{"name", name}, {"values", std::move(values)}});
      }
      json["axes"] = std::move(axes);
      break;
    }
    case TaskSource::Kind::kList:
      json["count"] = source.list_count;
      break;
  }
  return json;
}

Json RetryToJson(const RetryPolicy& retry) {
  Json exits = Json::array();
  for (const ExitCodes& codes : retry.on_exit) {
    exits.push_back({{"first", codes.first}, {"last", codes.last}});
  }
  return {{"attempts_max", retry.attempts_max},
          {"initial_ns", retry.initial.count()},
          {"factor", retry.factor},
          {"max_ns", retry.max.count()},
          {"jitter", retry.jitter},
          {"on_error", retry.on_error},
          {"on_timeout", retry.on_timeout},
          {"on_crash", retry.on_crash},
          {"on_oom", retry.on_oom},
          {"on_exit", std::move(exits)}};
}

// Reads an object member by member and remembers the first thing wrong, so
// that the code below reads as a list of members. A missing member has its
// default; one that nobody asked for is an error in the end.
class Members {
 public:
  Members(const Json& json, std::string where)
      : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) Fail("", "is not an object");
  }

  const Json* Find(const char* name) {
    known_.insert(name);
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }

  std::string Text(const char* name, std::string otherwise) {
    const Json* json = Find(name);
    if (json == nullptr) return otherwise;
    if (json->is_string()) return json->get<std::string>();
    Fail(name, "is not text");
    return otherwise;
  }

  int64_t Integer(const char* name, int64_t otherwise, int64_t min,
                  int64_t max) {
    const Json* json = Find(name);
    if (json == nullptr) return otherwise;
    const bool fits =
        json->is_number_integer() &&
        (!json->is_number_unsigned() || json->get<uint64_t>() <= INT64_MAX);
    if (fits) {
      const int64_t value = json->get<int64_t>();
      if (value >= min && value <= max) return value;
    }
    Fail(name, "is not an integer in its range");
    return otherwise;
  }

  double Number(const char* name, double otherwise) {
    const Json* json = Find(name);
    if (json == nullptr) return otherwise;
    if (json->is_number()) return json->get<double>();
    Fail(name, "is not a number");
    return otherwise;
  }

  bool Bool(const char* name, bool otherwise) {
    const Json* json = Find(name);
    if (json == nullptr) return otherwise;
    if (json->is_boolean()) return json->get<bool>();
    Fail(name, "is not true or false");
    return otherwise;
  }

  Duration Nanoseconds(const char* name, Duration otherwise) {
    return Duration(Integer(name, otherwise.count(), 0, INT64_MAX));
  }

  template <typename Names>
  size_t OneOf(const char* name, const Names& names) {
    const std::string text = Text(name, std::string(names[0]));
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == text) return i;
    }
    Fail(name, "is not a known word");
    return 0;
  }

  std::optional<ExecutorKind> Executor(const char* name) {
    if (Find(name) == nullptr) return std::nullopt;
    const auto kind = ExecutorKindFromName(Text(name, ""));
    if (!kind) Fail(name, "is not an executor");
    return kind;
  }

  std::vector<ExecutorKind> Executors(const char* name) {
    std::vector<ExecutorKind> kinds;
    const Json* json = Find(name);
    if (json == nullptr) return kinds;
    if (!json->is_array() || json->size() > kExecutorKinds) {
      Fail(name, "is not a list of executors");
      return kinds;
    }
    for (const Json& one : *json) {
      const auto kind = one.is_string()
                            ? ExecutorKindFromName(one.get<std::string>())
                            : std::nullopt;
      if (!kind ||
          std::find(kinds.begin(), kinds.end(), *kind) != kinds.end()) {
        Fail(name, "is not a list of executors, each once");
        return kinds;
      }
      kinds.push_back(*kind);
    }
    return kinds;
  }

  CodeForm Form(const char* name) {
    if (Find(name) == nullptr) return CodeForm::kUnknown;
    const auto form = CodeFormFromName(Text(name, ""));
    if (!form) Fail(name, "is not a form of code");
    return form.value_or(CodeForm::kUnknown);
  }

  void Fail(const char* name, const std::string& what) {
    if (!status_.ok()) return;
    std::string path = where_;
    if (!path.empty() && *name != '\0') path += '.';
    path += name;
    status_ = absl::InvalidArgumentError(
        (path.empty() ? std::string("the job") : path) + " " + what);
  }

  void Adopt(const absl::Status& status) {
    if (status_.ok()) status_ = status;
  }

  absl::Status Finish() {
    if (json_.is_object()) {
      for (const auto& [name, value] : json_.items()) {
        if (!known_.contains(name)) Fail(name.c_str(), "is not known here");
      }
    }
    return status_;
  }

 private:
  const Json& json_;
  const std::string where_;
  std::set<std::string> known_;
  absl::Status status_;
};

const Json& EmptyObject() {
  static const auto& empty = *new Json(Json::object());
  return empty;
}

// A sub-object; one that is left out has all its defaults.
const Json& Object(Members& members, const char* name) {
  const Json* json = members.Find(name);
  return json == nullptr ? EmptyObject() : *json;
}

std::vector<std::pair<std::string, std::vector<std::string>>> ReadAxes(
    Members& members) {
  std::vector<std::pair<std::string, std::vector<std::string>>> axes;
  const Json* json = members.Find("axes");
  if (json == nullptr) return axes;
  if (!json->is_array()) members.Fail("axes", "is not a list");
  for (const Json& axis_json : *json) {
    Members axis(axis_json, "tasks.axes");
    std::vector<std::string> texts;
    const Json* values = axis.Find("values");
    if (values == nullptr || !values->is_array()) {
      axis.Fail("values", "is not a list");
    } else {
      for (const Json& value : *values) texts.push_back(Dump(value));
    }
    axes.emplace_back(axis.Text("name", ""), std::move(texts));
    members.Adopt(axis.Finish());
  }
  return axes;
}

absl::StatusOr<TaskSource> ReadTasks(const Json& json) {
  Members members(json, "tasks");
  TaskSource source;
  source.kind =
      static_cast<TaskSource::Kind>(members.OneOf("kind", kKindNames));
  source.written =
      static_cast<TaskSource::Written>(members.OneOf("written", kWrittenNames));
  switch (source.kind) {
    case TaskSource::Kind::kOne:
      break;
    case TaskSource::Kind::kRange:
      source.from = members.Integer("from", 0, INT64_MIN, INT64_MAX);
      source.to = members.Integer("to", 0, INT64_MIN, INT64_MAX);
      source.step = members.Integer("step", 1, INT64_MIN, INT64_MAX);
      break;
    case TaskSource::Kind::kMatrix:
      source.axes = ReadAxes(members);
      break;
    case TaskSource::Kind::kList:
      source.list_count =
          static_cast<uint64_t>(members.Integer("count", 0, 0, INT64_MAX));
      break;
  }
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  return source;
}

absl::StatusOr<ExecutorRequest> ReadExecutor(const Json& json) {
  Members members(json, "executor");
  ExecutorRequest request;
  request.exactly = members.Executor("exactly");
  request.prefer = members.Executor("prefer");
  request.require = members.Executor("require");
  request.safe_on = members.Executors("safe_on");
  request.pinned = members.Executor("pinned");
  request.pinned_reason = members.Text("pinned_reason", "");
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  return request;
}

std::vector<ExitCodes> ReadExits(Members& members) {
  std::vector<ExitCodes> exits;
  const Json* json = members.Find("on_exit");
  if (json == nullptr) return exits;
  if (!json->is_array()) members.Fail("on_exit", "is not a list");
  for (const Json& codes_json : *json) {
    Members codes(codes_json, "retry.on_exit");
    exits.push_back({static_cast<int>(codes.Integer("first", 0, 0, 255)),
                     static_cast<int>(codes.Integer("last", 0, 0, 255))});
    members.Adopt(codes.Finish());
  }
  return exits;
}

absl::StatusOr<RetryPolicy> ReadRetry(const Json& json) {
  Members members(json, "retry");
  RetryPolicy retry;
  retry.attempts_max = static_cast<uint32_t>(members.Integer(
      "attempts_max", retry.attempts_max, 1, kRetryAttemptsMax));
  retry.initial = members.Nanoseconds("initial_ns", retry.initial);
  retry.factor = members.Number("factor", retry.factor);
  retry.max = members.Nanoseconds("max_ns", retry.max);
  retry.jitter = members.Number("jitter", retry.jitter);
  retry.on_error = members.Bool("on_error", retry.on_error);
  retry.on_timeout = members.Bool("on_timeout", retry.on_timeout);
  retry.on_crash = members.Bool("on_crash", retry.on_crash);
  retry.on_oom = members.Bool("on_oom", retry.on_oom);
  retry.on_exit = ReadExits(members);
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  return retry;
}

absl::StatusOr<SuccessPolicy> ReadSuccess(const Json& json) {
  Members members(json, "success");
  SuccessPolicy success;
  success.failed_max =
      static_cast<uint64_t>(members.Integer("failed_max", 0, 0, INT64_MAX));
  if (members.Find("failed_max_percent") != nullptr) {
    success.failed_max_percent = members.Number("failed_max_percent", 0);
  }
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  return success;
}

absl::StatusOr<Resources> ReadResources(const Json& json) {
  Members members(json, "resources");
  Resources resources;
  resources.cpu = static_cast<uint32_t>(members.Integer("cpu", 1, 1, kCpusMax));
  resources.memory_bytes = static_cast<uint64_t>(members.Integer(
      "memory_bytes", 0, 0, static_cast<int64_t>(kMemoryBytesMax)));
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  return resources;
}

absl::StatusOr<OutputRules> ReadOutputs(const Json& json) {
  Members members(json, "outputs");
  OutputRules rules;
  rules.to = members.Text("to", "");
  // By now the client has made it so; a task runs in a folder of its own.
  if (!rules.to.empty() && !rules.to.starts_with('/')) {
    members.Fail("to", "is not an absolute path");
  }
  if (const Json* files = members.Find("files")) {
    if (!files->is_array()) members.Fail("files", "is not a list");
    for (const Json& pattern : *files) {
      if (pattern.is_string()) {
        rules.files.push_back(pattern.get<std::string>());
      } else {
        members.Fail("files", "has a pattern that is not text");
      }
    }
  }
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  return rules;
}

// The value, or its default with the error left in `members`.
template <typename T>
T Take(Members& members, absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  members.Adopt(value.status());
  return T();
}

}  // namespace

std::string JobToJson(const Job& job) {
  Json success = {{"failed_max", job.success.failed_max}};
  if (job.success.failed_max_percent) {
    success["failed_max_percent"] = *job.success.failed_max_percent;
  }
  Json json = {{"name", job.name},
               {"labels", job.labels},
               {"type", job.type},
               {"executor", ExecutorToJson(job.executor)},
               {"queue", job.queue},
               {"priority", job.priority},
               {"tasks", TasksToJson(job.tasks)},
               {"with", Parse(job.with)},
               {"concurrency", job.concurrency},
               {"timeout_ns", job.timeout.count()},
               {"timeout_is_hard", job.timeout_is_hard},
               {"retry", RetryToJson(job.retry)},
               {"success", std::move(success)}};
  if (job.resources != Resources{}) {
    json["resources"] = {{"cpu", job.resources.cpu},
                         {"memory_bytes", job.resources.memory_bytes}};
  }
  if (job.outputs != OutputRules{}) {
    json["outputs"] = {{"to", job.outputs.to}, {"files", job.outputs.files}};
  }
  if (job.form != CodeForm::kUnknown) json["form"] = Name(job.form);
  return Dump(json);
}

absl::StatusOr<Job> JobFromJson(const std::string& text) {
  if (!IsJson(text)) {
    return absl::InvalidArgumentError("the job is not JSON");
  }
  const Json json = Parse(text);
  Members members(json, "");
  Job job;
  job.name = members.Text("name", "");
  const Json& labels = Object(members, "labels");
  if (!labels.is_object()) members.Fail("labels", "is not an object");
  for (const auto& [name, value] : labels.items()) {
    if (!value.is_string()) {
      members.Fail("labels", "has a value that is not text");
      continue;
    }
    job.labels[name] = value.get<std::string>();
  }
  job.type = members.Text("type", "");
  job.executor = Take(members, ReadExecutor(Object(members, "executor")));
  job.queue = members.Text("queue", "default");
  job.priority = static_cast<int32_t>(
      members.Integer("priority", 0, INT32_MIN, INT32_MAX));
  job.tasks = Take(members, ReadTasks(Object(members, "tasks")));
  const Json& with = Object(members, "with");
  if (!with.is_object()) members.Fail("with", "is not an object");
  job.with = Dump(with);
  job.concurrency =
      static_cast<uint64_t>(members.Integer("concurrency", 0, 0, INT64_MAX));
  job.timeout = members.Nanoseconds("timeout_ns", Duration::zero());
  job.timeout_is_hard = members.Bool("timeout_is_hard", false);
  job.retry = Take(members, ReadRetry(Object(members, "retry")));
  job.success = Take(members, ReadSuccess(Object(members, "success")));
  job.resources = Take(members, ReadResources(Object(members, "resources")));
  job.outputs = Take(members, ReadOutputs(Object(members, "outputs")));
  job.form = members.Form("form");
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  if (absl::Status status = CheckJob(job); !status.ok()) return status;
  return job;
}

}  // namespace remuda

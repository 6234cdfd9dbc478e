#include "wire/reply_json.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "nlohmann/json.hpp"

namespace remuda {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// JSON from a task: as it is if it is JSON, else as a text.
Json FromTask(const std::string& text) {
  if (text.empty()) return nullptr;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return text;
  return json;
}

Json TaskCounts(const JobSummary& job) {
  Json counts = {{"total", job.total}};
  for (int state = 0; state < kTaskStates; ++state) {
    counts[std::string(Name(static_cast<TaskState>(state)))] =
        job.tasks[static_cast<size_t>(state)];
  }
  return counts;
}

Json FindingValues(const std::vector<JobFinding>& findings) {
  Json list = Json::array();
  for (const JobFinding& finding : findings) {
    Json one = {{"code", finding.code},   {"text", finding.text},
                {"function", nullptr},    {"file", nullptr},
                {"line", nullptr},        {"task", nullptr},
                {"count", finding.count}, {"longest_seconds", nullptr}};
    if (!finding.function.empty()) one["function"] = finding.function;
    if (!finding.file.empty()) one["file"] = finding.file;
    if (finding.line > 0) one["line"] = finding.line;
    if (finding.task) one["task"] = *finding.task;
    if (finding.longest > Duration::zero()) {
      one["longest_seconds"] = Seconds(finding.longest);
    }
    list.push_back(std::move(one));
  }
  return list;
}

Json JobValue(const JobSummary& job, WallTime now) {
  Json one = {{"id", std::to_string(job.id.value)},
              {"name", job.name},
              {"state", std::string(Name(job.state))},
              {"tasks", TaskCounts(job)},
              {"attempts", job.attempts},
              {"duration_seconds", Seconds(RunningTime(job, now))},
              {"type", job.type},
              {"executor", std::string(Name(job.executor))},
              {"executor_reason", job.executor_reason},
              {"infrastructure_losses", job.infrastructure_losses},
              {"reason", nullptr},
              {"owner", nullptr}};
  one["findings"] = FindingValues(job.findings);
  one["progress"] = Json::array();
  for (const TaskProgress& progress : job.progress) {
    one["progress"].push_back({{"task", progress.task},
                               {"fraction", progress.fraction},
                               {"text", progress.text}});
  }
  if (!job.reason.empty()) one["reason"] = job.reason;
  if (!job.owner.empty()) one["owner"] = job.owner;
  return one;
}

bool HasRun(const TaskRow& task) {
  return task.state != TaskState::kPending &&
         task.state != TaskState::kRunning && task.attempts > 0;
}

}  // namespace

Duration RunningTime(const JobSummary& job, WallTime now) {
  if (!job.started_at) return Duration::zero();
  const WallTime end = job.finished_at.value_or(now);
  return std::max(end - *job.started_at, Duration::zero());
}

std::string JobJson(const JobSummary& job, WallTime now) {
  return Dump(JobValue(job, now));
}

std::string JobsJson(const std::vector<JobSummary>& jobs, WallTime now) {
  Json list = Json::array();
  for (const JobSummary& job : jobs) list.push_back(JobValue(job, now));
  return Dump({{"jobs", std::move(list)}});
}

std::string TaskJson(const TaskRow& task) {
  Json json = {{"index", task.index},
               {"item", FromTask(task.item)},
               {"state", std::string(Name(task.state))},
               {"attempts", task.attempts},
               {"executor", std::string(Name(task.executor))},
               {"agent", nullptr},
               {"duration_seconds", nullptr},
               {"output", FromTask(task.output)},
               {"error", nullptr}};
  if (!task.agent.empty()) json["agent"] = task.agent;
  if (HasRun(task)) json["duration_seconds"] = Seconds(task.wall);
  if (!task.error.empty()) json["error"] = task.error;
  return Dump(json);
}

std::string AgentsJson(const std::vector<AgentSummary>& agents) {
  Json list = Json::array();
  for (const AgentSummary& agent : agents) {
    list.push_back({{"id", std::to_string(agent.id.value)},
                    {"name", agent.name},
                    {"state", std::string(Name(agent.state))},
                    {"executors", agent.executors},
                    {"labels", agent.labels},
                    {"running", agent.running},
                    {"job_types", agent.job_types}});
  }
  return Dump({{"agents", std::move(list)}});
}

std::string VerdictsJson(const Verdicts& verdicts) {
  std::string text = "{\"verdicts\":[";
  for (size_t i = 0; i < verdicts.verdicts.size(); ++i) {
    if (i > 0) text += ',';
    text += verdicts.verdicts[i];
  }
  return text + "]}";
}

std::string InlineStream(const std::string& output_json,
                         std::string_view stream) {
  const Json output = Json::parse(output_json, nullptr, false);
  const std::string name(stream);
  if (!output.is_object() || !output.contains(name)) return "";
  const Json& value = output[name];
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object() || !value.value("base64", Json()).is_string()) {
    return "";
  }
  const std::string coded = value["base64"].get<std::string>();
  std::string bytes(coded.size(), '\0');
  size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()),
                        bytes.size(), coded.data(), coded.size(), nullptr,
                        &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return "";
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace remuda

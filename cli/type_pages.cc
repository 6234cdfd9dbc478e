#include "cli/type_pages.h"

#include <algorithm>

#include "jobs/nearest_name.h"
#include "nlohmann/json.hpp"

namespace remuda {
namespace {

using Json = nlohmann::ordered_json;

std::string ExecutorsOf(const JobType& type) {
  std::string text;
  for (const ExecutorKind kind : type.executors) {
    if (!text.empty()) text += ", ";
    text += Name(kind);
  }
  return text;
}

std::string WorkloadOf(const JobType& type) {
  return std::string(Name(type.workload)) +
         (type.declares_workload ? ", unless `with.workload` says more" : "");
}

std::string Expectation(const ParameterFact& fact) {
  return fact.one_of.empty() ? std::string(Name(fact.kind))
                             : "one of " + JoinNames(fact.one_of);
}

void Pad(std::string& text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
}

Json ParametersOf(const JobType& type) {
  Json list = Json::array();
  for (const ParameterFact& fact : type.parameters) {
    Json one = {{"name", fact.name},
                {"value", Expectation(fact)},
                {"required", fact.required},
                {"meaning", fact.meaning}};
    list.push_back(std::move(one));
  }
  return list;
}

Json ValueOf(const JobType& type) {
  Json executors = Json::array();
  for (const ExecutorKind kind : type.executors) {
    executors.push_back(std::string(Name(kind)));
  }
  return {{"name", type.name},
          {"meaning", type.meaning},
          {"workload", std::string(Name(type.workload))},
          {"declares_workload", type.declares_workload},
          {"form", std::string(Name(type.form))},
          {"executors", std::move(executors)},
          {"runs_user_code", type.runs_user_code},
          {"enforce_hard", type.killable},
          {"parameters", ParametersOf(type)},
          {"takes_any_parameters", type.takes_any_parameters}};
}

}  // namespace

std::string TypesTable(const std::vector<JobType>& types) {
  size_t name_width = 4;
  size_t executors_width = 9;
  for (const JobType& type : types) {
    name_width = std::max(name_width, type.name.size());
    executors_width = std::max(executors_width, ExecutorsOf(type).size());
  }
  constexpr size_t kWorkloadWidth = 10;
  const auto line = [&](std::string name, std::string workload,
                        std::string executors, const std::string& meaning) {
    Pad(name, name_width);
    Pad(workload, kWorkloadWidth);
    Pad(executors, executors_width);
    return name + "  " + workload + "  " + executors + "  " + meaning + "\n";
  };
  std::string text = line("TYPE", "WORKLOAD", "EXECUTORS", "MEANING");
  for (const JobType& type : types) {
    text += line(type.name, std::string(Name(type.workload)), ExecutorsOf(type),
                 type.meaning);
  }
  return text;
}

std::string TypePage(const JobType& type) {
  std::string text = type.name + ": " + type.meaning + "\n";
  text += "  workload   " + WorkloadOf(type) + "\n";
  text += "  executors  " + ExecutorsOf(type) + "\n";
  text += std::string("  code       ") +
          (type.runs_user_code ? "the user's, in worker processes"
                               : "ships with Remuda") +
          "\n";
  text += std::string("  enforce    ") +
          (type.killable ? "hard is possible, on process-pool" : "soft only") +
          "\n";
  size_t width = 0;
  for (const ParameterFact& fact : type.parameters) {
    width = std::max(width, fact.name.size());
  }
  if (type.takes_any_parameters) text += "  parameters  any, under `with`\n";
  if (!type.parameters.empty()) text += "  parameters, under `with`:\n";
  for (const ParameterFact& fact : type.parameters) {
    std::string name = fact.name;
    Pad(name, width);
    text += "    " + name + "  " + Expectation(fact) +
            (fact.required ? ", required" : "") + ": " + fact.meaning + "\n";
  }
  return text;
}

std::string TypesJson(const std::vector<JobType>& types) {
  Json list = Json::array();
  for (const JobType& type : types) list.push_back(ValueOf(type));
  return Json({{"types", std::move(list)}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace remuda

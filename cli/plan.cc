#include "cli/plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "cli/words.h"
#include "jobs/byte_size_text.h"
#include "jobs/executor_choice.h"
#include "jobs/items.h"
#include "jobs/job_type.h"
#include "jobs/parameters.h"
#include "nlohmann/json.hpp"

namespace remuda {
namespace {

constexpr uint64_t kExamples = 3;

absl::Status InJob(const Job& job, const absl::Status& status) {
  return absl::InvalidArgumentError("job '" + job.name +
                                    "': " + std::string(status.message()));
}

// Calls `use` with each item of the list, or with the first few computed ones.
template <typename Use>
absl::Status ForItems(const ResolvedJob& resolved, uint64_t tasks, Use use) {
  if (IsComputed(resolved.job.tasks)) {
    for (TaskIndex i = 0; i < std::min(tasks, kExamples); ++i) {
      absl::Status used = use(i, ComputedItem(resolved.job.tasks, i));
      if (!used.ok()) return used;
    }
    return absl::OkStatus();
  }
  std::string_view rest = resolved.items.bytes();
  for (TaskIndex i = 0; !rest.empty(); ++i) {
    const size_t end = rest.find('\n');
    absl::Status used = use(i, std::string(rest.substr(0, end)));
    if (!used.ok()) return used;
    rest.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

absl::StatusOr<JobPlan> PlanJob(const ResolvedJob& resolved) {
  const Job& job = resolved.job;
  const JobType* type = FindJobType(job.type);
  if (type == nullptr) {
    return absl::InvalidArgumentError("unknown type '" + job.type + "'");
  }
  absl::StatusOr<ExecutorChoice> choice = ChooseExecutor(job, *type);
  if (!choice.ok()) return choice.status();
  absl::StatusOr<ParameterTemplate> parameters =
      ParameterTemplate::Parse(job.with);
  if (!parameters.ok()) return parameters.status();
  JobPlan plan{.name = job.name,
               .type = job.type,
               .tasks = TaskCount(job.tasks),
               .executor = choice->kind,
               .reason = choice->reason,
               .others = {},
               .look = {},
               .resources = job.resources,
               .outputs_to = job.outputs.to,
               .examples = {}};
  absl::StatusOr<std::vector<OtherExecutor>> others =
      OtherExecutors(job, *type);
  if (!others.ok()) return others.status();
  plan.others = *std::move(others);
  absl::Status rendered = ForItems(
      resolved, plan.tasks, [&](TaskIndex index, const std::string& item) {
        absl::StatusOr<std::string> text = parameters->Render(item, index);
        if (!text.ok()) {
          return absl::InvalidArgumentError(
              "task " + std::to_string(index) + ", item " + SafeText(item, 80) +
              ": " + std::string(text.status().message()));
        }
        if (plan.examples.size() < kExamples) plan.examples.push_back(*text);
        return absl::OkStatus();
      });
  if (!rendered.ok()) return rendered;
  return plan;
}

nlohmann::ordered_json ResourcesJson(const Resources& resources) {
  using Json = nlohmann::ordered_json;
  return {
      {"cpu", resources.cpu},
      {"memory_bytes",
       resources.memory_bytes == 0 ? Json() : Json(resources.memory_bytes)}};
}

// What is not the default of a task: empty for most jobs.
std::string NeedsText(const JobPlan& plan) {
  std::string text;
  if (plan.resources != Resources{}) {
    text += "  each task: " + std::to_string(plan.resources.cpu) + " cpu";
    if (plan.resources.memory_bytes != 0) {
      text +=
          ", at most " + ByteSizeText(plan.resources.memory_bytes) + " memory";
    }
    text += "\n";
  }
  if (!plan.outputs_to.empty()) {
    text += "  files of tasks go to " + SafeText(plan.outputs_to, 160) + "\n";
  }
  return text;
}

nlohmann::ordered_json OthersJson(const std::vector<OtherExecutor>& others) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const OtherExecutor& other : others) {
    list.push_back({{"executor", std::string(Name(other.kind))},
                    {"possible", other.is_possible},
                    {"why_not", other.why_not}});
  }
  return list;
}

nlohmann::ordered_json TextOrNull(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

nlohmann::ordered_json NumberOrNull(uint64_t number) {
  if (number == 0) return nullptr;
  return number;
}

// Null for a job without a function of the user's.
nlohmann::ordered_json SourceJson(const SourceLook& look) {
  if (!look.looked) return nullptr;
  nlohmann::ordered_json findings = nlohmann::ordered_json::array();
  for (const JobFinding& finding : look.findings) {
    findings.push_back({{"code", finding.code},
                        {"text", finding.text},
                        {"function", TextOrNull(finding.function)},
                        {"file", TextOrNull(finding.file)},
                        {"line", NumberOrNull(finding.line)}});
  }
  return {{"function", look.function},
          {"form", std::string(Name(look.form))},
          {"file", TextOrNull(look.file)},
          {"line", NumberOrNull(look.line)},
          {"problem", TextOrNull(look.problem)},
          {"findings", std::move(findings)}};
}

}  // namespace

absl::StatusOr<std::vector<JobPlan>> PlanJobs(
    const std::vector<ResolvedJob>& jobs,
    const std::vector<SourceLook>& looks) {
  CHECK_EQ(jobs.size(), looks.size());
  std::vector<JobPlan> plans;
  for (size_t i = 0; i < jobs.size(); ++i) {
    absl::StatusOr<JobPlan> plan = PlanJob(jobs[i]);
    if (!plan.ok()) return InJob(jobs[i].job, plan.status());
    plan->look = looks[i];
    plans.push_back(*std::move(plan));
  }
  return plans;
}

std::string LookText(const SourceLook& look) {
  if (!look.looked) return "";
  const std::string function = SafeText(look.function, 128);
  std::string text;
  if (look.form == CodeForm::kUnknown) {
    text = "  " + function + ": not known here whether it is an async def";
    if (!look.problem.empty()) text += " (" + SafeText(look.problem, 300) + ")";
  } else {
    text = "  " + function +
           (look.form == CodeForm::kAsync ? " is an async def ("
                                          : " is a plain def (") +
           SafeText(look.file, 256) + ":" + std::to_string(look.line) + ")";
  }
  text += "\n";
  for (const JobFinding& finding : look.findings) {
    text += "  note: " + SafeText(ToText(finding), 900) + "\n";
  }
  return text;
}

std::string PlanText(const std::vector<JobPlan>& plans) {
  std::string text;
  for (const JobPlan& plan : plans) {
    text += plan.name + ": " + CountText(plan.tasks) +
            (plan.tasks == 1 ? " task" : " tasks") + " of type " + plan.type +
            "\n  on " + std::string(Name(plan.executor)) + ": " + plan.reason +
            "\n";
    for (const OtherExecutor& other : plan.others) {
      text += (other.is_possible ? "  possible on " : "  not on ") +
              std::string(Name(other.kind)) + ": " + other.why_not + "\n";
    }
    text += LookText(plan.look);
    text += NeedsText(plan);
    for (size_t i = 0; i < plan.examples.size(); ++i) {
      text += "  task " + std::to_string(i) + ": " +
              SafeText(plan.examples[i], 160) + "\n";
    }
  }
  return text;
}

std::string PlanJson(const std::vector<JobPlan>& plans) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const JobPlan& plan : plans) {
    Json examples = Json::array();
    for (const std::string& example : plan.examples) {
      examples.push_back(Json::parse(example, nullptr, false));
    }
    list.push_back({{"name", plan.name},
                    {"type", plan.type},
                    {"tasks", plan.tasks},
                    {"executor", std::string(Name(plan.executor))},
                    {"executor_reason", plan.reason},
                    {"others", OthersJson(plan.others)},
                    {"source", SourceJson(plan.look)},
                    {"resources", ResourcesJson(plan.resources)},
                    {"outputs_to",
                     plan.outputs_to.empty() ? Json() : Json(plan.outputs_to)},
                    {"examples", std::move(examples)}});
  }
  return Json({{"jobs", std::move(list)}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace remuda

#include "cli/plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

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
               .resources = job.resources,
               .outputs_to = job.outputs.to,
               .examples = {}};
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

}  // namespace

absl::StatusOr<std::vector<JobPlan>> PlanJobs(
    const std::vector<ResolvedJob>& jobs) {
  std::vector<JobPlan> plans;
  for (const ResolvedJob& resolved : jobs) {
    absl::StatusOr<JobPlan> plan = PlanJob(resolved);
    if (!plan.ok()) return InJob(resolved.job, plan.status());
    plans.push_back(*std::move(plan));
  }
  return plans;
}

std::string PlanText(const std::vector<JobPlan>& plans) {
  std::string text;
  for (const JobPlan& plan : plans) {
    text += plan.name + ": " + CountText(plan.tasks) +
            (plan.tasks == 1 ? " task" : " tasks") + " of type " + plan.type +
            "\n  on " + std::string(Name(plan.executor)) + ": " + plan.reason +
            "\n";
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
                    {"resources", ResourcesJson(plan.resources)},
                    {"outputs_to",
                     plan.outputs_to.empty() ? Json() : Json(plan.outputs_to)},
                    {"examples", std::move(examples)}});
  }
  return Json({{"jobs", std::move(list)}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace remuda

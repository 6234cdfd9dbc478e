#include "executors/workers/worker_choice.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace remuda {
namespace {

bool Runs(const WorkerCommand& worker, const std::string& job_type) {
  return std::find(worker.job_types.begin(), worker.job_types.end(),
                   job_type) != worker.job_types.end();
}

// The text parameter `name`; empty if there is none.
std::string TextOf(const std::string& parameters, const std::string& name) {
  const auto json = nlohmann::json::parse(parameters, nullptr, false);
  if (!json.is_object()) return {};
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

}  // namespace

bool HasWorkerFor(const std::vector<WorkerCommand>& workers,
                  const std::string& job_type) {
  return std::any_of(
      workers.begin(), workers.end(),
      [&](const WorkerCommand& worker) { return Runs(worker, job_type); });
}

absl::StatusOr<WorkerCommand> WorkerFor(
    const std::vector<WorkerCommand>& workers, const Attempt& attempt) {
  const Job& job = attempt.work->job;
  const auto found = std::find_if(
      workers.begin(), workers.end(),
      [&](const WorkerCommand& worker) { return Runs(worker, job.type); });
  if (found == workers.end()) {
    return absl::InvalidArgumentError(
        "no worker of this agent runs jobs of "
        "type '" +
        job.type + "'");
  }
  WorkerCommand wanted = *found;
  const std::string& parameter = found->program_parameter;
  // Most jobs do not name it; those need not be parsed.
  if (!parameter.empty() &&
      job.with.find("\"" + parameter + "\"") != std::string::npos) {
    const auto text =
        attempt.work->parameters.Render(attempt.item, attempt.id.task);
    if (!text.ok()) return text.status();
    const std::string program = TextOf(*text, parameter);
    if (!program.empty()) wanted.argv.front() = program;
  }
  return wanted;
}

std::string WorkerKey(const WorkerCommand& worker, const Attempt& attempt) {
  return worker.name + "\n" + worker.argv.front() + "\n" +
         std::to_string(attempt.work->job.resources.cpu);
}

}  // namespace remuda

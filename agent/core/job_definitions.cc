#include "agent/core/job_definitions.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "jobs/job_json.h"
#include "jobs/parameters.h"

namespace remuda {
namespace {

absl::StatusOr<std::shared_ptr<const JobWork>> Parse(
    const JobDefinition& definition) {
  absl::StatusOr<Job> job = JobFromJson(definition.job_json);
  if (!job.ok()) return job.status();
  absl::StatusOr<ParameterTemplate> parameters =
      ParameterTemplate::Parse(job->with);
  if (!parameters.ok()) return parameters.status();
  return std::make_shared<const JobWork>(
      JobWork{.id = definition.job,
              .job = *std::move(job),
              .parameters = *std::move(parameters)});
}

}  // namespace

void JobDefinitions::Define(const JobDefinition& definition) {
  if (auto found = jobs_.find(definition.job);
      found != jobs_.end() && found->second.work.ok()) {
    return;
  }
  absl::StatusOr<std::shared_ptr<const JobWork>> work = Parse(definition);
  if (!work.ok()) {
    work = absl::InvalidArgumentError("this agent cannot run the job: " +
                                      std::string(work.status().message()));
  }
  const WorkKey key = work.ok() ? WorkKeyOf((*work)->job) : WorkKey{};
  jobs_.insert_or_assign(definition.job,
                         Known{.work = std::move(work), .key = key});
}

absl::StatusOr<std::shared_ptr<const JobWork>> JobDefinitions::Find(
    JobId job) const {
  auto found = jobs_.find(job);
  if (found == jobs_.end()) return absl::NotFoundError("job not defined");
  return found->second.work;
}

void JobDefinitions::Trim(const std::function<bool(JobId)>& is_needed) {
  for (auto job = jobs_.begin();
       job != jobs_.end() && jobs_.size() > definitions_max_;) {
    job = is_needed(job->first) ? std::next(job) : jobs_.erase(job);
  }
}

}  // namespace remuda

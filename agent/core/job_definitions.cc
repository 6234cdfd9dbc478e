#include "agent/core/job_definitions.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "jobs/job_json.h"

namespace remuda {

absl::StatusOr<JobDefinitions::Parsed> JobDefinitions::Parse(
    const std::string& job_json) {
  absl::StatusOr<Job> job = JobFromJson(job_json);
  if (!job.ok()) return job.status();
  absl::StatusOr<ParameterTemplate> parameters =
      ParameterTemplate::Parse(job->with);
  if (!parameters.ok()) return parameters.status();
  const WorkKey key = WorkKeyOf(*job);
  return Parsed{
      .job = *std::move(job), .parameters = *std::move(parameters), .key = key};
}

absl::StatusOr<JobDefinitions::Parsed> JobDefinitions::ParseOnce(
    const std::string& job_json) {
  const auto known = parsed_.find(job_json);
  if (known != parsed_.end()) return known->second;
  absl::StatusOr<Parsed> parsed = Parse(job_json);
  if (!parsed.ok() || job_json.size() > kTextBytesMax) return parsed;
  if (parsed_.size() >= kTextsMax) parsed_.clear();
  parsed_.emplace(job_json, *parsed);
  return parsed;
}

void JobDefinitions::Define(const JobDefinition& definition) {
  if (auto found = jobs_.find(definition.job);
      found != jobs_.end() && found->second.work.ok()) {
    return;
  }
  absl::StatusOr<Parsed> parsed = ParseOnce(definition.job_json);
  Known known;
  if (parsed.ok()) {
    known.key = parsed->key;
    known.work = std::make_shared<const JobWork>(
        JobWork{.id = definition.job,
                .job = std::move(parsed->job),
                .parameters = std::move(parsed->parameters)});
  } else {
    known.work =
        absl::InvalidArgumentError("this agent cannot run the job: " +
                                   std::string(parsed.status().message()));
  }
  jobs_.insert_or_assign(definition.job, std::move(known));
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

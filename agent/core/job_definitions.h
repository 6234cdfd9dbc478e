#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "jobs/attempt.h"
#include "jobs/ids.h"
#include "jobs/job.h"
#include "jobs/parameters.h"
#include "jobs/work_key.h"
#include "wire/messages.h"

namespace remuda {

// The jobs this agent was told about; jobs of one text are parsed once. A
// definition stays as long as there is room, because the coordinator sends it
// once a session.
//
// Thread: confined to the agent core.
// Lifetime: a value; attempts share what they use.
class JobDefinitions {
 public:
  static constexpr size_t kDefinitionsMax = 4096;
  // Texts whose meaning is kept, for the next job of the same.
  static constexpr size_t kTextsMax = 64;
  static constexpr size_t kTextBytesMax = 4096;

  explicit JobDefinitions(size_t definitions_max = kDefinitionsMax)
      : definitions_max_(definitions_max) {}

  // One that cannot be understood is kept too, as the reason.
  void Define(const JobDefinition& definition);

  // Errors: NotFound if it was never told, or forgotten since;
  //         InvalidArgument with the reason if it cannot be understood.
  absl::StatusOr<std::shared_ptr<const JobWork>> Find(JobId job) const;

  // Of one that Find() gives.
  WorkKey KeyOf(JobId job) const { return jobs_.at(job).key; }

  // Forgets all. What waits or runs keeps what it uses.
  void Clear() { jobs_.clear(); }

  // Makes room by forgetting the oldest jobs that nothing needs.
  void Trim(const std::function<bool(JobId)>& is_needed);

  size_t size() const { return jobs_.size(); }

 private:
  struct Parsed {
    Job job;
    ParameterTemplate parameters;
    WorkKey key;
  };
  struct Known {
    absl::StatusOr<std::shared_ptr<const JobWork>> work;
    WorkKey key;
  };

  static absl::StatusOr<Parsed> Parse(const std::string& job_json);
  absl::StatusOr<Parsed> ParseOnce(const std::string& job_json);

  const size_t definitions_max_;
  absl::flat_hash_map<std::string, Parsed> parsed_;
  std::map<JobId, Known> jobs_;
};

}  // namespace remuda

#pragma once

#include <memory>
#include <string>

#include "jobs/ids.h"
#include "jobs/job.h"
#include "jobs/parameters.h"

namespace remuda {

// A job as an agent knows it: parsed once, shared by all its attempts.
// Immutable, so any thread may read it.
struct JobWork {
  JobId id;
  Job job;
  ParameterTemplate parameters;
};

// One try of one task, ready to run.
struct Attempt {
  AttemptId id;
  // Shared: executors on several threads outlive the grant that brought it.
  std::shared_ptr<const JobWork> work;
  std::string item;  // JSON text; "null" for a job without a fan-out
};

}  // namespace remuda

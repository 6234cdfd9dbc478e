#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "jobs/item_files.h"
#include "jobs/job.h"
#include "jobs/job_finding.h"

namespace remuda {

// What the source of a job's function says, found without importing it.
struct SourceLook {
  bool looked = false;  // false: the job has no function of the user's
  std::string function;
  CodeForm form = CodeForm::kUnknown;
  std::string file;  // empty: not found
  uint64_t line = 0;
  std::string problem;  // why the form is unknown here; the agent may know
  std::vector<JobFinding> findings;
};

// For all looks at the jobs of a spec together; after it forms stay unknown.
inline constexpr Duration kSourceLookMax = std::chrono::seconds(5);

// Looks at the functions of `python` jobs with their own interpreter, and
// writes the forms into the jobs. Never fails: what is not found is unknown.
// One look a job, in their order.
std::vector<SourceLook> LookAtSources(std::vector<ResolvedJob>& jobs,
                                      Duration time_max = kSourceLookMax);

// What the worker's --check printed.
SourceLook ReadLook(const std::string& json);

}  // namespace remuda

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/source_look.h"
#include "jobs/executor_choice.h"
#include "jobs/item_files.h"
#include "jobs/states.h"

namespace remuda {

// What a job would do, worked out without running it.
struct JobPlan {
  std::string name;
  std::string type;
  uint64_t tasks = 0;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string reason;
  std::vector<OtherExecutor> others;
  SourceLook look;  // at the user's function, if the job has one
  Resources resources;
  std::string outputs_to;  // empty: no files are kept
  // The parameters of the first tasks, as JSON.
  std::vector<std::string> examples;
};

// Errors: InvalidArgument names the job and the task whose parameters cannot
// be rendered. Every task of a list is rendered once, so that a bad row is
// found here and not in the middle of the night.
// `looks` are those at the jobs' sources, one a job.
absl::StatusOr<std::vector<JobPlan>> PlanJobs(
    const std::vector<ResolvedJob>& jobs, const std::vector<SourceLook>& looks);

// What was seen in the source, a line each; empty if nothing is to be said.
std::string LookText(const SourceLook& look);

std::string PlanText(const std::vector<JobPlan>& plans);
std::string PlanJson(const std::vector<JobPlan>& plans);

}  // namespace remuda

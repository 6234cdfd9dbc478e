#pragma once

#include <string>
#include <vector>

#include "jobs/job_type.h"

namespace remuda {

// What is known of job types, for `remuda types`: their workload, on which
// executors they run, best first, and their parameters.

// A line a type.
std::string TypesTable(const std::vector<JobType>& types);

// All of one type.
std::string TypePage(const JobType& type);

// {"types":[...]}.
std::string TypesJson(const std::vector<JobType>& types);

}  // namespace remuda

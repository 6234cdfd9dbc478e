#pragma once

#include "jobs/ids.h"
#include "jobs/job.h"

namespace remuda {

// Names what the tasks of a job do, whatever the job is called and however
// many there are: jobs with the same key are expected to take alike.
using WorkKey = Id<struct WorkKeyTag>;

// By the job's type and parameters. Agents and coordinator find the same one.
// Two kinds of work may share a key by accident, so nothing but speed may
// depend on it.
WorkKey WorkKeyOf(const Job& job);

}  // namespace remuda

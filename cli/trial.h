#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "jobs/executor_choice.h"
#include "jobs/item_files.h"
#include "jobs/states.h"
#include "jobs/verdict/verdict.h"

namespace remuda {

// A sample of a job's tasks, run on each executor that the job may run on.
// Made, read and shown here; run by `remuda try` (trying.cc).

// The job with at most `count` of its tasks, spread evenly over all of them,
// on this executor and under a name that says so. Their items are those of
// the job; {{index}} counts within the sample.
ResolvedJob SampleOn(ExecutorKind executor, const ResolvedJob& job,
                     uint64_t count);

// Where to run it: first where the spec would, then the others. `wanted` is
// "all" or names with commas between.
// Errors: InvalidArgument for a name that is none, and for an executor that
//         the job cannot run on, with why not.
absl::StatusOr<std::vector<ExecutorKind>> TrialExecutors(
    const Job& job, const std::string& wanted);

// What came out on one executor.
struct TrialRow {
  ExecutorKind executor = ExecutorKind::kProcessPool;
  uint64_t job = 0;
  uint64_t succeeded = 0;
  uint64_t others = 0;               // of the tasks
  Duration took = Duration::zero();  // of the job, workers' starts included
  std::optional<double> per_second;  // while any ran
  std::optional<double> cores_used;
  std::optional<double> process_bytes;
  std::optional<Interval> predicted;  // gain over the first row
};

// Fills in what the verdict on the job says of how it ran.
void AddMeasures(const std::string& verdict, TrialRow& row);
// The gain that the verdict predicts for an executor, if it does.
std::optional<Interval> PredictedFor(ExecutorKind executor,
                                     const std::string& verdict);

// Throughput over that of the first row.
std::optional<double> MeasuredGain(const TrialRow& row, const TrialRow& first);

std::string TrialTable(const std::vector<TrialRow>& rows);
std::string TrialJson(const std::vector<TrialRow>& rows);

}  // namespace remuda

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "coordinator/core/input.h"
#include "coordinator/server/item_staging.h"
#include "coordinator/store/commit_unit.h"
#include "wire/client_messages.h"

namespace remuda {

// A submission that the core may accept, and the items that the store keeps
// if it does.
struct PreparedSubmission {
  std::vector<JobToAccept> jobs;
  std::vector<StagedItems> items;
};

// The jobs that were checked last, by their text. Who submits single tasks
// sends the same job thousands of times, and checking it, with its digest and
// the choice of an executor, costs more than all else about it. Only jobs that
// hold up and have no items are kept; a job is what its text says, so that an
// entry never goes out of date.
//
// Thread: confined to its owner.
class CheckedJobs {
 public:
  // Over these nothing more is kept, or all is forgotten.
  static constexpr size_t kTextBytesMax = 4'096;
  static constexpr size_t kJobsMax = 256;

  // Null if it is not known; valid until the next Keep().
  const JobToAccept* Find(const std::string& job_json) const;
  void Keep(const std::string& job_json, const JobToAccept& job);

  size_t size() const { return by_text_.size(); }

 private:
  absl::flat_hash_map<std::string, JobToAccept> by_text_;
};

// Checks all of a submission again: clients are not believed. Takes time in
// proportion to the items, so it runs beside the control loop. `stored` is
// what the store knows of the key: it stands in for items that are no longer
// staged when the same submission is sent again. What is in `checked` is not
// looked at twice.
//
// Errors: InvalidArgument says which job is wrong and how; FailedPrecondition
//         if items have not been uploaded.
absl::StatusOr<PreparedSubmission> PrepareSubmission(
    const Submit& submit, const StagedLists& lists,
    const std::optional<StoredSubmission>& stored, CheckedJobs& checked);

}  // namespace remuda

#pragma once

#include <cstddef>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"

namespace remuda {

// The jobs that ended last, as their last commit left them, so that whoever
// asks to watch them a moment later need not wait for the store to be read.
//
// Thread: confined to its owner.
class FinishedJobs {
 public:
  // A client with 200 submissions on their way that watches its jobs by 500
  // asks for such as are up to 700 ends old.
  static constexpr size_t kKept = 1'024;

  void Add(JobSummary job);

  // Null for one that ended before these, or has not. Until the next Add().
  const JobSummary* Find(JobId job) const;

 private:
  absl::flat_hash_map<JobId, JobSummary> jobs_;
  std::deque<JobId> order_;  // oldest first
};

}  // namespace remuda

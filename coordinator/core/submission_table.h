#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"

namespace remuda {

// The submissions of live jobs by key, and the latest finished ones, so that
// a submission sent again finds the jobs of the first. Older ones are known
// to the store. Does not decide what the answer is.
//
// Thread: confined to its owner.
class SubmissionTable {
 public:
  static constexpr size_t kFinishedMax = 4'096;  // kept in memory

  struct Document {
    JobId job;
    std::string digest;
    std::optional<JobSummary> finished;  // once it is terminal
  };
  struct Submission {
    // By place in the submission. After a restart those that had finished
    // before are missing.
    std::map<uint32_t, Document> documents;
    size_t live = 0;
    bool is_listed = false;  // among the finished ones
  };

  void Add(const std::string& key, uint32_t document, JobId job,
           const std::string& digest);
  void Finish(const std::string& key, uint32_t document,
              const JobSummary& summary);

  const Submission* Find(const std::string& key) const;
  // A job that finished lately.
  const JobSummary* FindFinished(JobId job) const;

 private:
  // Not flat, so that the others may point to its entries.
  using ByKey = std::unordered_map<std::string, Submission>;

  ByKey by_key_;
  absl::flat_hash_map<JobId, std::pair<const Submission*, uint32_t>> finished_;
  std::deque<const ByKey::value_type*> finished_submissions_;  // oldest first
};

}  // namespace remuda

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "coordinator/core/output.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"

namespace remuda {

// Who watches which jobs, and what is due to be told to whom: at most once
// each kIntervalMin, but the last change always, and at once. Does not know
// where summaries come from; they must be committed.
//
// Thread: confined to the control loop.
class Watches {
 public:
  static constexpr size_t kWatchesMax = 4'096;
  static constexpr size_t kJobsMax = 1'000;  // of one watch
  static constexpr Duration kIntervalMin = std::chrono::milliseconds(100);

  // What its peer already knows of the jobs: nothing, so that a reply is due
  // at once, or what stands here.
  enum class Knows { kNothing, kThis };

  // `jobs` are all that the watch asks for, as far as known now.
  // Replaces an earlier watch of the same peer and request.
  // Errors: ResourceExhausted over a limit.
  absl::Status Add(Peer peer, uint64_t request, std::vector<JobSummary> jobs,
                   Knows knows = Knows::kNothing);

  void OnCommitted(std::span<const JobSummary> changed);

  // The replies that are due; each has all jobs of its watch. A watch whose
  // jobs are all terminal has then ended.
  std::vector<ToClient> TakeDue(MonotonicTime now);
  std::optional<MonotonicTime> next_time() const;

  // The peer is gone.
  void Drop(Peer peer);

  size_t size() const { return watches_.size(); }

 private:
  using Key = std::pair<Peer, uint64_t>;
  struct Watch {
    std::map<JobId, JobSummary> jobs;
    size_t live = 0;  // of these, not terminal
    MonotonicTime not_before{};
  };

  void Erase(std::map<Key, Watch>::iterator watch);

  std::map<Key, Watch> watches_;
  std::map<JobId, std::set<Key>> by_job_;
  std::set<Key> changed_;
};

}  // namespace remuda

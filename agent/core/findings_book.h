#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "executors/finding.h"
#include "jobs/ids.h"
#include "wire/messages.h"

namespace remuda {

// Joins what executors notice of the code of jobs until it is told to the
// coordinator: one entry for each place in the code, with how often and how
// long; and how far tasks say they are. Does not decide what is worth noticing.
//
// Thread: confined to the agent's control loop.
class FindingsBook {
 public:
  // Different findings that are held; further ones are dropped while all of
  // these wait to be told.
  static constexpr size_t kEntriesMax = 256;
  // Between two messages, except before the results of a job that has some.
  static constexpr Duration kPause = std::chrono::seconds(1);

  struct Added {
    uint64_t sightings = 0;  // 0: of one that goes on, or dropped
    bool is_new = false;     // worth a line in the log
    JobFinding finding;
  };
  Added Add(Finding finding);

  // The newest word of each task is told; those of more tasks than fit into
  // the message are dropped.
  void AddProgress(const Finding& told);
  // It has ended, so what it said last is not worth telling.
  void ForgetProgress(JobId job, TaskIndex task);

  // What has not been told, at most Findings::kItemsMax, if it is time for a
  // message; and whenever results of `ending` jobs are about to leave.
  std::optional<Findings> TakeDue(MonotonicTime now,
                                  const std::set<JobId>& ending);

  // When TakeDue() will next have something, if it has anything at all.
  std::optional<MonotonicTime> next_time() const;

 private:
  // Job, code, function, file, line.
  using Key =
      std::tuple<JobId, std::string, std::string, std::string, uint64_t>;
  struct Entry {
    JobFinding finding;  // count: of the sightings not told yet
    bool is_untold = true;
    // The sighting that may still go on.
    std::optional<TaskIndex> last_task;
    Duration last_duration = Duration::zero();
  };

  bool MakeRoom();

  std::map<Key, Entry> entries_;
  size_t untold_ = 0;
  std::map<std::pair<JobId, TaskIndex>, TaskProgress> progress_;
  std::optional<MonotonicTime> told_at_;
};

}  // namespace remuda

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"

namespace remuda {

// The text of one stream of server-sent events: a `job` event with the whole
// job at once and at each change, and an `end` event when all have ended.
// Whoever comes back after a break hears the present state first, so the ids
// of events are for information only.
//
// Thread: confined to its owner.
class JobEvents {
 public:
  // The events that follow from what is known now; empty if nothing changed.
  std::string Update(const std::vector<JobSummary>& jobs, WallTime now);

  // All jobs of the last update had ended: the stream has said all.
  bool ended() const { return ended_; }

 private:
  std::string Event(const char* name, const std::string& data);

  std::map<JobId, JobSummary> last_;
  uint64_t next_id_ = 1;
  bool ended_ = false;
};

// What keeps a quiet stream open.
inline constexpr char kEventsHeartbeat[] = ": still here\n\n";

}  // namespace remuda

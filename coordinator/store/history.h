#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "coordinator/core/event.h"
#include "jobs/ids.h"

namespace remuda {

// An event as the history keeps it: a row that people can read and that turns
// back into the same event. The records of AttemptsEnded are not part of it;
// they are kept with the results.
struct HistoryRow {
  WallTime at{};
  std::string kind;  // "job_accepted"
  JobId job;         // zero if the event is not of one job
  std::string body;  // JSON object
  // Of a job_accepted: the job's JSON. It stands with what else never changes
  // of the job and not once more in the history.
  std::shared_ptr<const std::string> definition;
};

HistoryRow ToHistory(const Event& event);

// Errors: DataLoss if the row is not one that ToHistory() made.
absl::StatusOr<Event> FromHistory(const HistoryRow& row);

constexpr int64_t ToNanoseconds(WallTime time) {
  return time.time_since_epoch().count();
}
constexpr WallTime FromNanoseconds(int64_t count) {
  return WallTime(Duration(count));
}

}  // namespace remuda

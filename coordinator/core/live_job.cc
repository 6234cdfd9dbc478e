#include "coordinator/core/live_job.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "jobs/job.h"

namespace remuda {
namespace {

uint64_t Count(const std::array<uint64_t, kTaskStates>& counts,
               TaskState state) {
  return counts[static_cast<size_t>(state)];
}

// "12345" -> "12,345".
std::string Grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

// What made tasks count against the job, when it was not failure alone.
std::string Parts(uint64_t failed, uint64_t timed_out, uint64_t lost) {
  std::string parts;
  const auto add = [&parts](uint64_t count, std::string_view what) {
    if (count == 0) return;
    if (!parts.empty()) parts += ", ";
    parts += Grouped(count);
    parts += what;
  };
  add(failed, " failed");
  add(timed_out, " timed out");
  add(lost, " lost with their agents");
  return parts;
}

}  // namespace

uint64_t LiveJob::grantable() const {
  if (wish.has_value()) return 0;
  const uint64_t ready =
      std::min(tasks.ready(), trial_left.value_or(UINT64_MAX));
  const uint64_t cap = accepted.job->concurrency;
  if (cap == 0) return ready;
  if (tasks.running() >= cap) return 0;
  return std::min(ready, cap - tasks.running());
}

uint32_t SlotsEach(const JobAccepted& accepted) {
  return accepted.executor == ExecutorKind::kProcessPool
             ? accepted.job->resources.cpu
             : 1;
}

JobSummary SummaryOf(const LiveJob& job) {
  JobSummary summary;
  summary.id = job.accepted.id;
  summary.name = job.accepted.job->name;
  summary.type = job.accepted.job->type;
  summary.state = job.state;
  summary.executor = job.accepted.executor;
  summary.executor_reason = job.accepted.executor_reason;
  summary.total = job.accepted.tasks;
  summary.slots_each = SlotsEach(job.accepted);
  summary.tasks = job.tasks.counts();
  summary.attempts = job.attempts;
  summary.infrastructure_losses = job.losses;
  summary.accepted_at = job.accepted.at;
  summary.started_at = job.started_at;
  summary.reason = job.reason;
  summary.owner = job.accepted.owner;
  summary.findings = job.findings;
  return summary;
}

JobEnd EndOfJob(const LiveJob& job) {
  if (job.cancelling()) {
    return {.state = JobState::kCancelled, .reason = job.reason};
  }
  const auto counts = job.tasks.counts();
  const uint64_t failed = Count(counts, TaskState::kFailed);
  const uint64_t timed_out = Count(counts, TaskState::kTimedOut);
  const uint64_t lost = Count(counts, TaskState::kLost);
  const uint64_t total = job.accepted.tasks;
  const uint64_t against = failed + timed_out + lost;
  const uint64_t allowed = FailedMax(job.accepted.job->success, total);
  if (against <= allowed) return {.state = JobState::kSucceeded, .reason = ""};
  const std::string of = " of " + Grouped(total) + " tasks ";
  std::string what;
  if (against == failed) {
    what = Grouped(failed) + of + "failed";
  } else if (against == timed_out) {
    what = Grouped(timed_out) + of + "timed out";
  } else if (against == lost) {
    what = Grouped(lost) + of + "were lost with their agents";
  } else {
    what = Grouped(against) + of + "did not succeed (" +
           Parts(failed, timed_out, lost) + ")";
  }
  return {.state = JobState::kFailed,
          .reason = what + "; at most " + Grouped(allowed) + " may"};
}

}  // namespace remuda

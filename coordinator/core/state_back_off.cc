// The part of CoreState that waits: tasks in back-off, each job's own heap of
// them, and the jobs by when the first of theirs is due.
#include <optional>

#include "base/check.h"
#include "coordinator/core/state.h"

namespace remuda {

void CoreState::DelayUntil(MonotonicTime due, JobId job, IndexRange tasks) {
  LiveJob* waiting = FindJob(job);
  CHECK(waiting != nullptr);
  waiting->tasks.Delay(due, tasks);
  UpdateDue(*waiting);
}

void CoreState::UpdateDue(LiveJob& job) {
  const std::optional<MonotonicTime> due = job.tasks.next_due();
  if (due == job.due_at) return;
  if (job.due_at.has_value()) due_.erase({*job.due_at, job.accepted.id});
  if (due.has_value()) due_.emplace(*due, job.accepted.id);
  job.due_at = due;
}

void CoreState::MakeDue(const Now& now) {
  while (!due_.empty() && due_.begin()->first <= now.monotonic) {
    LiveJob& job = *FindJob(due_.begin()->second);
    counters.queue.delayed -= job.tasks.delayed();
    job.tasks.MakeDue(now.monotonic);
    counters.queue.delayed += job.tasks.delayed();
    UpdateDue(job);
    UpdateReady(job);
    UpdateOldest(job, now.wall);
  }
}

std::optional<MonotonicTime> CoreState::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

}  // namespace remuda

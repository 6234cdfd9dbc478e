// The part of CoreState that follows where jobs run.

#include "base/check.h"
#include "coordinator/core/state.h"

namespace remuda {

// Among those that are granted and counted alike.
void CoreState::Place(LiveJob& job) {
  const JobAccepted& accepted = job.accepted;
  const ReadyQueue::Interned interned =
      ready.Intern(accepted.job->type, accepted.executor, SlotsEach(accepted));
  job.job_class = interned.id;
  job.counters = CountersFor(accepted);
  if (interned.is_new) {
    for (auto& [id, agent] : agents.all()) UpdateClasses(agent);
  }
  ++CountersOf(job).jobs;
}

void CoreState::On(const ExecutorChosen& event) {
  LiveJob* job = FindJob(event.job);
  CHECK(job != nullptr);
  job->accepted.executor_reason = event.reason;
  if (event.executor != job->accepted.executor) {
    if (job->is_ready) {
      job->is_ready = false;
      ready.SetReady(job->job_class, job->accepted.job->priority, event.job,
                     false);
    }
    const uint64_t waiting =
        job->tasks.counts()[static_cast<size_t>(TaskState::kPending)];
    ClassCounters& left = CountersOf(*job);
    --left.jobs;
    left.pending -= waiting;
    left.tasks_taken -= waiting;
    job->accepted.executor = event.executor;
    ++job->moves;
    Place(*job);
    ClassCounters& entered = CountersOf(*job);
    entered.pending += waiting;
    entered.tasks_taken += waiting;
  }
  UpdateReady(*job);
  MarkChanged(*job);
}

void CoreState::On(const FindingsNoted& event) {
  LiveJob* job = FindJob(event.job);
  CHECK(job != nullptr);
  for (const FindingsNoted::Entry& entry : event.entries) {
    CHECK(entry.place <= job->findings.size() && entry.place < kJobFindingsMax);
    if (entry.place == job->findings.size()) job->findings.emplace_back();
    job->findings[entry.place] = entry.finding;
  }
  MarkChanged(*job);
}

}  // namespace remuda

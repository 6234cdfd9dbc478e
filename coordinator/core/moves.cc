#include "coordinator/core/moves.h"

#include <string>
#include <utility>
#include <vector>

namespace remuda {
namespace {

void Choose(CoreState& state, const Now& now, LiveJob& job, ExecutorWish wish) {
  job.trial_left = wish.tasks_max;
  state.Emit(ExecutorChosen{.job = wish.job,
                            .executor = wish.executor,
                            .reason = std::move(wish.reason),
                            .at = now.wall});
}

}  // namespace

void DecideMove(CoreState& state, const Now& now, ExecutorWish wish) {
  LiveJob* job = state.FindJob(wish.job);
  if (job == nullptr || job->cancelling()) return;
  if (wish.executor == job->accepted.executor) {
    job->wish.reset();
    state.moving.erase(wish.job);
    Choose(state, now, *job, std::move(wish));
    return;
  }
  job->wish = std::move(wish);
  state.moving.insert(job->accepted.id);
  state.UpdateReady(*job);
  for (const auto& [holder, running] : job->holders) {
    WantBack(state, *job, *state.agents.Find(holder));
  }
}

void FinishMoves(CoreState& state, const Now& now) {
  const std::vector<JobId> moving(state.moving.begin(), state.moving.end());
  for (const JobId id : moving) {
    LiveJob& job = *state.FindJob(id);
    if (job.tasks.running() > 0) continue;
    ExecutorWish wish = *std::move(job.wish);
    job.wish.reset();
    state.moving.erase(id);
    Choose(state, now, job, std::move(wish));
  }
}

void WantBack(CoreState& state, const LiveJob& job, const AgentEntry& agent) {
  StopTasks stop{.reason = StopTasks::Reason::kRetracted, .items = {}};
  stop.items.push_back(
      {.job = job.accepted.id, .whole_job = true, .tasks = {}});
  state.Send(agent, std::move(stop), CoreState::When::kAfterCommit);
}

}  // namespace remuda

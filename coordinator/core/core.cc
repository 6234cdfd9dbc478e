#include "coordinator/core/core.h"

#include <algorithm>
#include <utility>

#include "coordinator/core/dispatcher.h"
#include "coordinator/core/moves.h"
#include "coordinator/core/restore.h"
#include "coordinator/core/retraction.h"
#include "coordinator/core/sessions.h"
#include "coordinator/core/state.h"
#include "coordinator/core/submissions.h"

namespace remuda {

Core::Core(const CoreOptions& options)
    : state_(std::make_unique<CoreState>(options)) {}

Core::~Core() = default;

absl::Status Core::Restore(const Now& now, const StoredState& state) {
  return RestoreState(*state_, now, state);
}

void Core::Apply(const Event& event) {
  state_->Apply(event);
  state_->DropOutput();
}

void Core::OnSubmit(const Now& now, Peer client, uint64_t request,
                    const std::string& key, std::vector<JobToAccept> jobs,
                    std::optional<StoredSubmission> stored) {
  DecideSubmit(*state_, now, client, request, key, std::move(jobs), stored);
}

void Core::OnCancel(const Now& now, Peer client, uint64_t request,
                    const CancelJob& cancel, std::optional<JobSummary> stored) {
  DecideCancel(*state_, now, client, request, cancel, stored);
}

void Core::OnExecutorWish(const Now& now, ExecutorWish wish) {
  DecideMove(*state_, now, std::move(wish));
}

void Core::OnAgentMessage(const Now& now, const AgentSender& sender,
                          AgentMessage message) {
  DecideAgentMessage(*state_, now, sender, std::move(message));
}

void Core::OnAgentUnreachable(const Now& now, Peer agent) {
  DecideUnreachable(*state_, now, agent);
}

void Core::OnTime(const Now& now) {
  DecideSilence(*state_, now);
  state_->MakeDue(now);
}

std::optional<MonotonicTime> Core::next_time() const {
  const std::optional<MonotonicTime> wake = state_->agents.next_wake();
  std::optional<MonotonicTime> next = wake;
  for (const auto& due : {state_->next_due(), state_->retract_at}) {
    if (due.has_value()) next = std::min(next.value_or(*due), *due);
  }
  return next;
}

void Core::Dispatch(const Now& now) {
  FinishMoves(*state_, now);
  DispatchTasks(*state_, now);
  RetractTasks(*state_, now);
}

Output Core::TakeOutput() { return state_->TakeOutput(); }

Term Core::term() const { return state_->term; }

std::vector<AgentSummary> Core::agents() const {
  std::vector<AgentSummary> summaries;
  summaries.reserve(state_->agents.size());
  for (const auto& [id, agent] : state_->agents.all()) {
    AgentSummary& summary = summaries.emplace_back();
    summary.id = id;
    summary.name = agent.registered.name;
    summary.state = agent.state();
    summary.labels = agent.registered.labels;
    for (const ExecutorOffer& offer : agent.registered.executors) {
      summary.executors[std::string(Name(offer.kind))] = offer.slots;
    }
    for (const uint64_t running : agent.outstanding) {
      summary.running += running;
    }
    if (agent.session.has_value()) summary.job_types = agent.session->job_types;
  }
  return summaries;
}

std::optional<JobSummary> Core::summary(JobId job) const {
  const LiveJob* live = state_->FindJob(job);
  if (live == nullptr) return std::nullopt;
  return SummaryOf(*live);
}

std::vector<TaskProgress> Core::progress(JobId job) const {
  std::vector<TaskProgress> found;
  const LiveJob* live = state_->FindJob(job);
  if (live == nullptr) return found;
  for (const auto& [task, progress] : live->progress) found.push_back(progress);
  return found;
}

std::vector<JobId> Core::live_jobs() const { return state_->LiveJobs(); }

uint64_t Core::tasks_waiting(JobId job) const {
  const LiveJob* live = state_->FindJob(job);
  if (live == nullptr) return 0;
  return live->tasks.counts()[static_cast<size_t>(TaskState::kPending)];
}

std::string Core::StateDigest() const { return state_->Digest(); }

const CoreCounters& Core::counters() const {
  state_->RefreshGauges();
  return state_->counters;
}

}  // namespace remuda

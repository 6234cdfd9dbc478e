#include "coordinator/core/submissions.h"

#include <utility>

namespace remuda {
namespace {

using When = CoreState::When;

void Refuse(CoreState& state, Peer client, uint64_t request,
            RequestError::Code code, std::string message) {
  state.Reply(client, request,
              RequestError{.code = code, .message = std::move(message)},
              When::kAtOnce);
}

// What is known of a key. An empty digest is one that nobody remembers.
struct Known {
  std::vector<std::string> digests;
  std::vector<JobSummary> jobs;
};

std::optional<Known> Recall(CoreState& state, const std::string& key,
                            const std::optional<StoredSubmission>& stored) {
  const SubmissionTable::Submission* mine = state.submissions.Find(key);
  if (mine == nullptr && !stored.has_value()) return std::nullopt;
  Known known;
  if (stored.has_value()) {
    known.digests = stored->digests;
    known.jobs = stored->jobs;
  }
  if (mine == nullptr) return known;
  // The core is never behind the store.
  for (const auto& [place, document] : mine->documents) {
    if (known.digests.size() <= place) known.digests.resize(place + 1);
    if (known.jobs.size() <= place) known.jobs.resize(place + 1);
    known.digests[place] = document.digest;
    if (document.finished.has_value()) {
      known.jobs[place] = *document.finished;
    } else if (LiveJob* job = state.FindJob(document.job); job != nullptr) {
      known.jobs[place] = SummaryOf(*job);
    }
  }
  return known;
}

bool IsSame(const Known& known, const std::vector<JobToAccept>& jobs) {
  if (known.digests.size() != jobs.size()) return false;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (!known.digests[i].empty() && known.digests[i] != jobs[i].digest) {
      return false;
    }
  }
  return true;
}

}  // namespace

void DecideSubmit(CoreState& state, const Now& now, Peer client,
                  uint64_t request, const std::string& key,
                  std::vector<JobToAccept> jobs,
                  const std::optional<StoredSubmission>& stored) {
  if (key.empty() || jobs.empty() || jobs.size() > Submit::kJobsMax) {
    ++state.counters.submissions_invalid;
    Refuse(state, client, request, RequestError::Code::kInvalid,
           "a submission has a key and 1 to 64 jobs");
    return;
  }
  if (std::optional<Known> known = Recall(state, key, stored)) {
    if (!IsSame(*known, jobs)) {
      ++state.counters.submissions_conflict;
      Refuse(state, client, request, RequestError::Code::kConflict,
             "this key was used for another submission");
      return;
    }
    ++state.counters.submissions_existed;
    state.Reply(client, request,
                Accepted{.jobs = std::move(known->jobs), .existed = true},
                When::kAfterCommit);
    return;
  }
  if (state.live_jobs() + jobs.size() > state.options.jobs_live_max) {
    ++state.counters.submissions_busy;
    Refuse(state, client, request, RequestError::Code::kBusy,
           "too many jobs are live: " + std::to_string(state.live_jobs()) +
               " of at most " + std::to_string(state.options.jobs_live_max));
    return;
  }
  ++state.counters.submissions_accepted;
  Accepted accepted;
  uint32_t document = 0;
  for (JobToAccept& job : jobs) {
    const JobId id{state.last_job.value + 1};
    state.Emit(JobAccepted{.id = id,
                           .key = key,
                           .owner = std::move(job.owner),
                           .document = document++,
                           .digest = std::move(job.digest),
                           .job = std::move(job.job),
                           .job_json = std::move(job.job_json),
                           .tasks = job.tasks,
                           .item_bytes_max = job.item_bytes_max,
                           .executor = job.executor,
                           .executor_reason = std::move(job.executor_reason),
                           .at = now.wall});
    accepted.jobs.push_back(SummaryOf(*state.FindJob(id)));
    state.FinishIfDone(now, id);
  }
  state.Reply(client, request, std::move(accepted), When::kAfterCommit);
}

void DecideCancel(CoreState& state, const Now& now, Peer client,
                  uint64_t request, const CancelJob& cancel,
                  const std::optional<JobSummary>& stored) {
  LiveJob* job = state.FindJob(cancel.job);
  if (job == nullptr) {
    const JobSummary* finished = state.submissions.FindFinished(cancel.job);
    if (finished == nullptr && stored.has_value() &&
        IsTerminal(stored->state)) {
      finished = &*stored;
    }
    if (finished != nullptr) {
      ++state.counters.cancels_too_late;
      state.Reply(client, request,
                  CancelReply{.result = CancelReply::Result::kTooLate,
                              .job = *finished},
                  When::kAfterCommit);
      return;
    }
    ++state.counters.cancels_unknown;
    Refuse(state, client, request, RequestError::Code::kNotFound,
           "there is no job " + std::to_string(cancel.job.value));
    return;
  }
  ++(job->state == JobState::kQueued ? state.counters.cancels_before_start
                                     : state.counters.cancels_while_running);
  if (!job->cancelling()) {
    state.Emit(JobCancelRequested{
        .job = cancel.job, .reason = cancel.reason, .at = now.wall});
    for (const auto& [holder, running] : job->holders) {
      StopTasks stop;
      stop.items.push_back({.job = cancel.job, .whole_job = true, .tasks = {}});
      state.Send(*state.agents.Find(holder), std::move(stop),
                 When::kAfterCommit);
    }
  }
  const JobSummary before_end = SummaryOf(*job);
  state.FinishIfDone(now, cancel.job);
  const JobSummary* finished = state.submissions.FindFinished(cancel.job);
  state.Reply(client, request,
              CancelReply{.result = CancelReply::Result::kCancelled,
                          .job = finished != nullptr ? *finished : before_end},
              When::kAfterCommit);
}

}  // namespace remuda

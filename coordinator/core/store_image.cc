#include "coordinator/core/store_image.h"

#include <algorithm>
#include <optional>
#include <variant>

namespace remuda {

void StoreImage::Commit(const Output& output) {
  for (const Event& event : output.events) {
    Happened(event);
    history_.push_back(event);
  }
  for (const ChunkWrite& write : output.chunks) Write(write);
  for (const GrantId done : output.grants_done) {
    if (grants_.erase(done) == 0) {
      violations_.push_back("a grant is done that was not live");
    }
  }
  for (const JobSummary& summary : output.summaries) {
    const auto before = summaries_.find(summary.id);
    if (before != summaries_.end() && IsTerminal(before->second.state)) {
      violations_.push_back("a terminal job changed");
    }
    summaries_[summary.id] = summary;
    const auto live = live_.find(summary.id);
    if (live != live_.end()) live->second.summary = summary;
    uint64_t tasks = 0;
    for (const uint64_t count : summary.tasks) tasks += count;
    if (tasks != summary.total) {
      violations_.push_back("a job's counts do not add up to its tasks");
    }
  }
}

void StoreImage::Happened(const Event& event) {
  if (const auto* term = std::get_if<TermStarted>(&event)) {
    if (term->term <= term_) violations_.push_back("a term does not rise");
    term_ = term->term;
  } else if (const auto* agent = std::get_if<AgentRegistered>(&event)) {
    agents_[agent->agent] = *agent;
    last_agent_ = std::max(last_agent_, agent->agent);
  } else if (const auto* left = std::get_if<AgentLeft>(&event)) {
    if (agents_.erase(left->agent) == 0) {
      violations_.push_back("an unknown agent left");
    }
  } else if (const auto* job = std::get_if<JobAccepted>(&event)) {
    live_[job->id] = {.accepted = *job, .summary = {}};
    accepted_[job->id] = *job;
    last_job_ = std::max(last_job_, job->id);
    const auto key = std::make_pair(job->key, job->document);
    if (!keys_.try_emplace(key, job->id).second) {
      violations_.push_back("a key was accepted twice");
    }
  } else if (const auto* grant = std::get_if<TasksGranted>(&event)) {
    const auto live = live_.find(grant->job);
    if (live == live_.end() || live->second.cancel_requested) {
      violations_.push_back("a grant of a job that ends");
    }
    if (!agents_.contains(grant->agent)) {
      violations_.push_back("a grant to nobody");
    }
    if (grant->grant <= last_grant_) {
      violations_.push_back("a grant's number does not rise");
    }
    grants_[grant->grant] = *grant;
    last_grant_ = grant->grant;
  } else if (const auto* cancel = std::get_if<JobCancelRequested>(&event)) {
    live_.at(cancel->job).cancel_requested = true;
  } else if (const auto* chosen = std::get_if<ExecutorChosen>(&event)) {
    const auto live = live_.find(chosen->job);
    if (live == live_.end()) {
      violations_.push_back("an executor is chosen for a job that has ended");
    } else {
      JobAccepted& accepted = live->second.accepted;
      live->second.moves += accepted.executor != chosen->executor ? 1 : 0;
      accepted.executor = chosen->executor;
      accepted.executor_reason = chosen->reason;
    }
  } else if (const auto* finished = std::get_if<JobFinished>(&event)) {
    live_.erase(finished->job);
  }
}

void StoreImage::Write(const ChunkWrite& write) {
  Chunk& chunk = chunks_[{write.job, write.chunk}];
  if (write.version != chunk.version + 1) {
    violations_.push_back("a chunk's version does not rise by one");
  }
  absl::StatusOr<ChunkState> state = ChunkState::Decode(write.state);
  if (!state.ok()) {
    violations_.push_back("a chunk cannot be read");
    return;
  }
  if (!state->KeepsTerminal(chunk.state)) {
    violations_.push_back("a task left a terminal state");
  }
  if (state->Encode() != write.state) {
    violations_.push_back("a chunk has two encodings");
  }
  chunk.version = write.version;
  chunk.bytes = write.state;
  chunk.state = *std::move(state);
  chunk_writes_.emplace_back(write.job, write.chunk);
}

StoredState StoreImage::Load() const {
  StoredState state;
  state.term = term_;
  for (const auto& [id, job] : live_) state.jobs.push_back(job);
  for (const auto& [place, chunk] : chunks_) {
    if (!live_.contains(place.first)) continue;
    state.chunks.push_back({.job = place.first,
                            .chunk = place.second,
                            .version = chunk.version,
                            .state = chunk.bytes});
  }
  for (const auto& [id, grant] : grants_) state.grants.push_back(grant);
  for (const auto& [id, agent] : agents_) state.agents.push_back(agent);
  state.last_grant = last_grant_;
  state.last_agent = last_agent_;
  state.last_job = last_job_;
  return state;
}

TaskState StoreImage::state(JobId job, TaskIndex task) const {
  const auto at = chunks_.find({job, ChunkOf(task)});
  if (at == chunks_.end()) return TaskState::kPending;
  return at->second.state.state(task % kTasksPerChunk);
}

TaskTries StoreImage::tries(JobId job, TaskIndex task) const {
  const auto at = chunks_.find({job, ChunkOf(task)});
  if (at == chunks_.end()) return {};
  return at->second.state.tries(task % kTasksPerChunk);
}

std::optional<StoredSubmission> StoreImage::Submitted(
    const std::string& key) const {
  StoredSubmission submission;
  for (auto at = keys_.lower_bound({key, 0});
       at != keys_.end() && at->first.first == key; ++at) {
    submission.digests.push_back(accepted_.at(at->second).digest);
    submission.jobs.push_back(summaries_.at(at->second));
  }
  if (submission.jobs.empty()) return std::nullopt;
  return submission;
}

}  // namespace remuda

// What has to hold when a run has come to its end.

#include <array>
#include <string>

#include "simulation/world.h"

namespace remuda {

bool World::AllDone() const {
  for (const SimulatedClient& client : clients_) {
    if (!client.satisfied()) return false;
    for (const JobId id : client.ids()) {
      const auto job = coordinator_->store().summaries().find(id);
      if (job == coordinator_->store().summaries().end()) return false;
      if (!IsTerminal(job->second.state)) return false;
    }
  }
  if (!coordinator_->at_rest() || ledger_.running() > 0) return false;
  for (const Place& place : places_) {
    if (place.process == nullptr || !place.process->at_rest(now_)) return false;
  }
  return true;
}

std::string World::Unfinished() const {
  std::string text;
  for (const auto& [id, job] : coordinator_->store().summaries()) {
    if (IsTerminal(job.state)) continue;
    text += "\n  job " + std::to_string(id.value) + ":";
    for (const uint64_t count : job.tasks) text += " " + std::to_string(count);
  }
  for (const AgentSummary& agent : coordinator_->agents()) {
    text += "\n  " + agent.name + " " + std::string(Name(agent.state)) +
            " runs " + std::to_string(agent.running);
  }
  for (const Place& place : places_) {
    if (place.process != nullptr && !place.process->at_rest(now_)) {
      text += "\n  process " + std::to_string(place.process->process()) +
              " is not at rest";
    }
  }
  return text;
}

void World::CheckJobs() {
  for (const SimulatedClient& client : clients_) {
    for (size_t i = 0; i < client.ids().size(); ++i) {
      const auto& jobs = coordinator_->store().summaries();
      const auto job = jobs.find(client.ids()[i]);
      problems_.Expect(job != jobs.end(), "R1 an accepted job is stored");
      if (job == jobs.end() || !IsTerminal(job->second.state)) continue;
      CheckJob(job->second, client.jobs()[i]);
    }
  }
}

void World::CheckJob(const JobSummary& job, const JobToAccept& spec) {
  const bool was_cancelled = job.state == JobState::kCancelled;
  problems_.Expect(!cancelled_.contains(job.id) || was_cancelled,
                   "R14 a job cancelled stays so");
  problems_.Expect(job.total == spec.tasks, "a job has all its tasks");
  std::array<uint64_t, kTaskStates> counts{};
  for (TaskIndex task = 0; task < job.total; ++task) {
    TaskState state = coordinator_->store().state(job.id, task);
    if (state == TaskState::kPending) {
      problems_.Expect(was_cancelled, "R9 every task has its end");
      state = TaskState::kCancelled;
    }
    ++counts[static_cast<size_t>(state)];
    CheckTask(job, *spec.job, task, state);
  }
  problems_.Expect(counts == job.tasks, "R38 counts are those of the tasks");
  const uint64_t against = counts[static_cast<size_t>(TaskState::kFailed)] +
                           counts[static_cast<size_t>(TaskState::kTimedOut)] +
                           counts[static_cast<size_t>(TaskState::kLost)];
  problems_.Expect(
      was_cancelled || (job.state == JobState::kSucceeded) ==
                           (against <= spec.job->success.failed_max),
      "a job ends by its own policy");
  problems_.Expect(!shape_.only_blips || job.infrastructure_losses == 0,
                   "R31 nothing is lost within a lease");
}

void World::CheckTask(const JobSummary& job, const Job& spec, TaskIndex task,
                      TaskState state) {
  const TaskTries tries = coordinator_->store().tries(job.id, task);
  const uint32_t failures = tries.attempts - tries.losses;
  const uint64_t starts = ledger_.starts(job.id, task);
  problems_.Expect(failures <= spec.retry.attempts_max,
                   "R12 tries are bounded");
  // The end of an attempt that was to be cancelled is that, also where the end
  // of a lease came first.
  const bool was_to_be_cancelled =
      state == TaskState::kCancelled &&
      ledger_.Happened(
          {.job = job.id, .task = task, .fence = Fence{tries.fence}},
          Ending::kEvicted);
  problems_.Expect(
      failures <= ledger_.failures(job.id, task) +
                      (state == TaskState::kSucceeded || was_to_be_cancelled),
      "R12 what infrastructure lost is not charged");
  constexpr uint32_t kLossesMax = 5;
  problems_.Expect(tries.losses <= kLossesMax, "R12 losses are bounded");
  problems_.Expect(tries.attempts <= starts, "only what began counts");
  problems_.Expect(!shape_.only_blips || starts <= tries.attempts ||
                       state == TaskState::kCancelled,
                   "R31 nothing is tried again within a lease");
  if (state == TaskState::kLost) {
    problems_.Expect(starts >= kLossesMax,
                     "R12 what began less often is not quarantined");
  }
  if (state == TaskState::kSucceeded) {
    problems_.Expect(
        ledger_.Happened(
            {.job = job.id, .task = task, .fence = Fence{tries.fence}},
            Ending::kSucceeded),
        "R10 a recorded success is one that happened");
  }
}

}  // namespace remuda

#include "coordinator/core/findings.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace remuda {
namespace {

void CountStale(CoreState& state, StaleReason reason) {
  ++state.counters.stale[static_cast<size_t>(AgentMessageKind::kFindings)]
                        [static_cast<size_t>(reason)];
}

// Whether this agent was given tasks of the job, so that it may speak of it.
bool WasGiven(const LiveJob& job, const AgentEntry& agent) {
  return job.holders.contains(agent.registered.agent) ||
         job.defined.contains(agent.registered.agent);
}

// The findings of a job as they will be, and which of them changed.
struct Changed {
  std::vector<JobFinding> findings;
  std::set<uint32_t> places;
};

void Add(const JobFinding& finding, Changed& changed) {
  std::vector<JobFinding>& known = changed.findings;
  const auto same = std::find_if(
      known.begin(), known.end(),
      [&finding](const JobFinding& one) { return IsSame(one, finding); });
  const auto place = static_cast<uint32_t>(same - known.begin());
  if (same != known.end()) {
    Merge(finding, *same);
  } else if (known.size() < kJobFindingsMax) {
    known.push_back(finding);
    known.back().count = std::max<uint64_t>(finding.count, 1);
  } else {
    return;
  }
  changed.places.insert(place);
}

// Live only, so no event: whoever asks for the job sees the newest word.
void Keep(const TaskProgress& progress, LiveJob& job) {
  if (progress.task >= job.accepted.tasks) return;
  const auto known = job.progress.find(progress.task);
  if (known != job.progress.end()) {
    known->second = progress;
  } else if (job.progress.size() < kJobProgressMax) {
    job.progress.emplace(progress.task, progress);
  }
}

}  // namespace

void DecideFindings(CoreState& state, const Now& now, const AgentEntry& agent,
                    const Findings& findings) {
  std::map<JobId, Changed> jobs;
  for (const Findings::Item& item : findings.items) {
    const LiveJob* job = state.FindJob(item.job);
    if (job == nullptr) {
      CountStale(state, StaleReason::kJobGone);
    } else if (!WasGiven(*job, agent)) {
      CountStale(state, StaleReason::kOtherHolder);
    } else if (!IsWithinLimits(item.finding)) {
      CountStale(state, StaleReason::kMalformed);
    } else {
      const auto [at, is_new] = jobs.try_emplace(item.job);
      if (is_new) at->second.findings = job->findings;
      Add(item.finding, at->second);
    }
  }
  for (const Findings::Progress& progress : findings.progress) {
    LiveJob* job = state.FindJob(progress.job);
    if (job == nullptr) {
      CountStale(state, StaleReason::kJobGone);
    } else if (!job->holders.contains(agent.registered.agent)) {
      CountStale(state, StaleReason::kOtherHolder);
    } else {
      Keep(progress.task, *job);
    }
  }
  for (auto& [id, changed] : jobs) {
    FindingsNoted event = {.job = id, .entries = {}, .at = now.wall};
    for (const uint32_t place : changed.places) {
      event.entries.push_back(
          {.place = place, .finding = std::move(changed.findings[place])});
    }
    if (!event.entries.empty()) state.Emit(std::move(event));
  }
}

}  // namespace remuda

#include "coordinator/server/watches.h"

#include <algorithm>
#include <utility>

#include "jobs/states.h"

namespace remuda {

absl::Status Watches::Add(Peer peer, uint64_t request,
                          std::vector<JobSummary> jobs, Knows knows) {
  const Key key = {peer, request};
  const auto earlier = watches_.find(key);
  if (earlier != watches_.end()) Erase(earlier);
  if (watches_.size() >= kWatchesMax || jobs.size() > kJobsMax) {
    return absl::ResourceExhaustedError(
        jobs.size() > kJobsMax
            ? "a watch may have " + std::to_string(kJobsMax) + " jobs at most"
            : "too many watches; try again later");
  }
  Watch& watch = watches_[key];
  for (JobSummary& job : jobs) {
    by_job_[job.id].insert(key);
    if (!IsTerminal(job.state)) ++watch.live;
    watch.jobs[job.id] = std::move(job);
  }
  // One that has nothing to wait for ends by its reply.
  if (knows == Knows::kNothing || watch.live == 0) changed_.insert(key);
  return absl::OkStatus();
}

void Watches::OnCommitted(std::span<const JobSummary> changed) {
  if (watches_.empty()) return;
  for (const JobSummary& job : changed) {
    const auto keys = by_job_.find(job.id);
    if (keys == by_job_.end()) continue;
    for (const Key& key : keys->second) {
      Watch& watch = watches_.at(key);
      JobSummary& known = watch.jobs.at(job.id);
      if (IsTerminal(known.state)) continue;
      if (IsTerminal(job.state)) --watch.live;
      known = job;
      changed_.insert(key);
    }
  }
}

std::vector<ToClient> Watches::TakeDue(MonotonicTime now) {
  std::vector<ToClient> due;
  for (auto it = changed_.begin(); it != changed_.end();) {
    const auto watch = watches_.find(*it);
    const bool last = watch->second.live == 0;
    if (!last && watch->second.not_before > now) {
      ++it;
      continue;
    }
    JobSummaries reply;
    reply.jobs.reserve(watch->second.jobs.size());
    for (auto& [id, job] : watch->second.jobs) {
      if (last) {
        reply.jobs.push_back(std::move(job));
      } else {
        reply.jobs.push_back(job);
      }
    }
    due.push_back(
        {.peer = it->first, .request = it->second, .reply = std::move(reply)});
    watch->second.not_before = now + kIntervalMin;
    it = changed_.erase(it);
    if (last) Erase(watch);
  }
  return due;
}

std::optional<MonotonicTime> Watches::next_time() const {
  std::optional<MonotonicTime> next;
  for (const Key& key : changed_) {
    const Watch& watch = watches_.at(key);
    const MonotonicTime when =
        watch.live == 0 ? MonotonicTime{} : watch.not_before;
    next = std::min(next.value_or(when), when);
  }
  return next;
}

void Watches::Drop(Peer peer) {
  auto it = watches_.lower_bound({peer, 0});
  while (it != watches_.end() && it->first.first == peer) Erase(it++);
}

void Watches::Erase(std::map<Key, Watch>::iterator watch) {
  const Key key = watch->first;
  for (const auto& [id, job] : watch->second.jobs) {
    const auto keys = by_job_.find(id);
    keys->second.erase(key);
    if (keys->second.empty()) by_job_.erase(keys);
  }
  changed_.erase(key);
  watches_.erase(watch);
}

}  // namespace remuda

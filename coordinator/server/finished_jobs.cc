#include "coordinator/server/finished_jobs.h"

#include <utility>

namespace remuda {

void FinishedJobs::Add(JobSummary job) {
  const JobId id = job.id;
  if (!jobs_.insert_or_assign(id, std::move(job)).second) return;
  order_.push_back(id);
  if (order_.size() <= kKept) return;
  jobs_.erase(order_.front());
  order_.pop_front();
}

const JobSummary* FinishedJobs::Find(JobId job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? nullptr : &found->second;
}

}  // namespace remuda

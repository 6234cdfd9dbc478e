#include "coordinator/core/submission_table.h"

namespace remuda {

void SubmissionTable::Add(const std::string& key, uint32_t document, JobId job,
                          const std::string& digest) {
  Submission& submission = by_key_[key];
  submission.documents[document] = {
      .job = job, .digest = digest, .finished = std::nullopt};
  ++submission.live;
}

void SubmissionTable::Finish(const std::string& key, uint32_t document,
                             const JobSummary& summary) {
  const auto at = by_key_.find(key);
  if (at == by_key_.end()) return;
  Submission& submission = at->second;
  const auto place = submission.documents.find(document);
  if (place == submission.documents.end() || place->second.finished) return;
  place->second.finished = summary;
  finished_[summary.id] = {&submission, document};
  if (--submission.live > 0 || submission.is_listed) return;
  submission.is_listed = true;
  finished_submissions_.push_back(&*at);
  if (finished_submissions_.size() <= kFinishedMax) return;
  const auto oldest = by_key_.find(finished_submissions_.front()->first);
  for (const auto& [number, old] : oldest->second.documents) {
    finished_.erase(old.job);
  }
  by_key_.erase(oldest);
  finished_submissions_.pop_front();
}

const SubmissionTable::Submission* SubmissionTable::Find(
    const std::string& key) const {
  const auto at = by_key_.find(key);
  return at == by_key_.end() ? nullptr : &at->second;
}

const JobSummary* SubmissionTable::FindFinished(JobId job) const {
  const auto at = finished_.find(job);
  if (at == finished_.end()) return nullptr;
  const auto& [submission, document] = at->second;
  const auto place = submission->documents.find(document);
  if (place == submission->documents.end() || !place->second.finished) {
    return nullptr;
  }
  return &*place->second.finished;
}

}  // namespace remuda

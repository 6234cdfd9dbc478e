#include "agent/core/findings_book.h"

#include <algorithm>
#include <utility>

#include "jobs/json_text.h"

namespace remuda {

FindingsBook::Added FindingsBook::Add(Finding noticed) {
  const JobId job = noticed.job;
  const std::optional<TaskIndex> task = noticed.task;
  const Duration duration = std::max(noticed.duration, Duration::zero());
  Added added;
  added.finding = Clipped({.code = std::move(noticed.code),
                           .text = std::move(noticed.text),
                           .function = std::move(noticed.function),
                           .file = std::move(noticed.file),
                           .line = noticed.line,
                           .task = task,
                           .count = 1,
                           .longest = duration});
  const JobFinding& finding = added.finding;
  const Key key = {job, finding.code, finding.function, finding.file,
                   finding.line};
  auto at = entries_.find(key);
  if (at == entries_.end()) {
    if (entries_.size() >= kEntriesMax && !MakeRoom()) return added;
    at = entries_.emplace(key, Entry{.finding = finding}).first;
    ++untold_;
    added.is_new = true;
    added.sightings = 1;
  } else {
    Entry& entry = at->second;
    // Told again while it lasts, and longer each time.
    const bool goes_on = entry.last_task == task &&
                         duration > entry.last_duration &&
                         entry.last_duration > Duration::zero();
    added.sightings = goes_on ? 0 : 1;
    entry.finding.count += added.sightings;
    entry.finding.longest = std::max(entry.finding.longest, duration);
    if (!entry.is_untold) ++untold_;
    entry.is_untold = true;
  }
  at->second.last_task = task;
  at->second.last_duration = duration;
  return added;
}

void FindingsBook::AddProgress(const Finding& told) {
  if (!told.task.has_value()) return;
  const std::pair key(told.job, *told.task);
  if (progress_.size() >= Findings::kProgressMax && !progress_.contains(key)) {
    return;
  }
  TaskProgress& progress = progress_[key];
  progress.task = *told.task;
  progress.fraction = std::clamp(told.progress.value_or(0), 0.0, 1.0);
  progress.text = told.text;
  if (progress.text.size() > TaskProgress::kTextBytesMax) {
    progress.text.resize(TaskProgress::kTextBytesMax);
    progress.text.resize(ValidUtf8Prefix(progress.text));
  }
}

void FindingsBook::ForgetProgress(JobId job, TaskIndex task) {
  if (!progress_.empty()) progress_.erase({job, task});
}

// Forgets what has been told; seen again, it is new once more.
bool FindingsBook::MakeRoom() {
  std::erase_if(entries_,
                [](const auto& entry) { return !entry.second.is_untold; });
  return entries_.size() < kEntriesMax;
}

std::optional<Findings> FindingsBook::TakeDue(MonotonicTime now,
                                              const std::set<JobId>& ending) {
  if (untold_ == 0 && progress_.empty()) return std::nullopt;
  const bool is_time = !told_at_.has_value() || now >= *told_at_ + kPause;
  Findings findings;
  for (auto& [key, entry] : entries_) {
    if (findings.items.size() >= Findings::kItemsMax) break;
    const JobId job = std::get<JobId>(key);
    if (!entry.is_untold || (!is_time && !ending.contains(job))) continue;
    findings.items.push_back({.job = job, .finding = entry.finding});
    entry.finding.count = 0;
    entry.is_untold = false;
    --untold_;
  }
  if (is_time) {
    for (auto& [key, progress] : progress_) {
      findings.progress.push_back(
          {.job = key.first, .task = std::move(progress)});
    }
    progress_.clear();
  }
  if (findings.items.empty() && findings.progress.empty()) {
    return std::nullopt;
  }
  told_at_ = now;
  return findings;
}

std::optional<MonotonicTime> FindingsBook::next_time() const {
  if (untold_ == 0 && progress_.empty()) return std::nullopt;
  return told_at_.has_value() ? *told_at_ + kPause : MonotonicTime{};
}

}  // namespace remuda

#include "coordinator/server/submission.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/digest.h"
#include "jobs/executor_choice.h"
#include "jobs/items.h"
#include "jobs/job_json.h"
#include "jobs/job_type.h"

namespace remuda {
namespace {

// The digest of a job is that of its JSON and, after a dot, of its items, so
// that the first half can be compared alone.
std::string DigestOf(const std::string& json_part, std::string_view items) {
  return json_part + "." + ShortDigestHex(items);
}

// What the source said of the form and what a lock file pins is no part of it:
// the same key stands for the same spec, whatever became of the files beside
// it.
std::string JsonPartFor(const JobToAccept& accept) {
  if (accept.job->form == CodeForm::kUnknown && !accept.job->executor.pinned) {
    return ShortDigestHex(*accept.job_json);
  }
  Job spec = *accept.job;
  spec.form = CodeForm::kUnknown;
  spec.executor.pinned.reset();
  spec.executor.pinned_reason.clear();
  return ShortDigestHex(JobToJson(spec));
}

std::string_view JsonPartOf(std::string_view digest) {
  return digest.substr(0, digest.find('.'));
}

uint64_t LongestLine(const std::vector<std::string>& chunks) {
  size_t longest = 0;
  for (const std::string& chunk : chunks) {
    size_t start = 0;
    while (start < chunk.size()) {
      const size_t end = std::min(chunk.find('\n', start), chunk.size());
      longest = std::max(longest, end - start);
      start = end + 1;
    }
  }
  return longest;
}

uint64_t LineCount(const std::vector<std::string>& chunks) {
  uint64_t count = 0;
  for (const std::string& chunk : chunks) {
    count +=
        static_cast<uint64_t>(std::count(chunk.begin(), chunk.end(), '\n'));
  }
  return count;
}

class Preparation {
 public:
  Preparation(const Submit& submit, const StagedLists& lists,
              const std::optional<StoredSubmission>& stored,
              CheckedJobs& checked)
      : submit_(submit), lists_(lists), stored_(stored), checked_(checked) {}

  absl::Status AddJob(uint32_t document) {
    const std::string& text = submit_.jobs[document];
    if (const JobToAccept* known = checked_.Find(text)) {
      prepared_.jobs.push_back(*known);
      return absl::OkStatus();
    }
    absl::StatusOr<Job> job = JobFromJson(text);
    if (!job.ok()) return job.status();
    const JobType* type = FindJobType(job->type);
    if (type == nullptr) {
      return absl::InvalidArgumentError(
          "this coordinator knows no job type '" + job->type +
          "'; a --plugin or --worker that adds it has to be given to it too");
    }
    absl::StatusOr<ExecutorChoice> choice = ChooseExecutor(*job, *type);
    if (!choice.ok()) return choice.status();

    JobToAccept accept;
    accept.tasks = TaskCount(job->tasks);
    if (accept.tasks == 0) return absl::InvalidArgumentError("no tasks");
    accept.executor = choice->kind;
    accept.executor_reason = std::move(choice->reason);
    accept.job_json = std::make_shared<const std::string>(JobToJson(*job));
    accept.job = std::make_shared<const Job>(*std::move(job));
    const absl::Status status =
        accept.job->tasks.kind == TaskSource::Kind::kList
            ? AddItems(document, accept)
            : absl::OkStatus();
    if (!status.ok()) return status;
    if (accept.digest.empty()) {
      accept.digest = DigestOf(JsonPartFor(accept), "");
      checked_.Keep(text, accept);
    }
    prepared_.jobs.push_back(std::move(accept));
    return absl::OkStatus();
  }

  PreparedSubmission Take() { return std::move(prepared_); }

 private:
  absl::Status AddItems(uint32_t document, JobToAccept& accept) {
    const auto list = lists_.find(document);
    if (list == lists_.end()) {
      const std::string json_part = JsonPartFor(accept);
      if (stored_.has_value() && document < stored_->digests.size() &&
          JsonPartOf(stored_->digests[document]) == json_part) {
        accept.digest = stored_->digests[document];
        return absl::OkStatus();
      }
      return absl::FailedPreconditionError(
          "its items have not been uploaded, or so long ago that they were "
          "dropped; send them again");
    }
    absl::StatusOr<std::vector<std::string>> chunks =
        ItemList::SplitIntoChunks(*list->second);
    if (!chunks.ok()) return chunks.status();
    const uint64_t count = LineCount(*chunks);
    if (count != accept.tasks) {
      return absl::InvalidArgumentError(
          "its list has " + std::to_string(count) + " items, not the " +
          std::to_string(accept.tasks) + " that it says");
    }
    accept.item_bytes_max = LongestLine(*chunks);
    accept.digest = DigestOf(JsonPartFor(accept), *list->second);
    prepared_.items.push_back(
        {.key = submit_.key,
         .document = document,
         .chunks = std::make_shared<const std::vector<std::string>>(
             *std::move(chunks))});
    return absl::OkStatus();
  }

  const Submit& submit_;
  const StagedLists& lists_;
  const std::optional<StoredSubmission>& stored_;
  CheckedJobs& checked_;
  PreparedSubmission prepared_;
};

}  // namespace

const JobToAccept* CheckedJobs::Find(const std::string& job_json) const {
  const auto found = by_text_.find(job_json);
  return found == by_text_.end() ? nullptr : &found->second;
}

void CheckedJobs::Keep(const std::string& job_json, const JobToAccept& job) {
  if (job_json.size() > kTextBytesMax) return;
  if (by_text_.size() >= kJobsMax) by_text_.clear();
  by_text_.emplace(job_json, job);
}

absl::StatusOr<PreparedSubmission> PrepareSubmission(
    const Submit& submit, const StagedLists& lists,
    const std::optional<StoredSubmission>& stored, CheckedJobs& checked) {
  if (submit.key.empty() ||
      submit.key.size() > ItemStaging::kOwnedKeyBytesMax) {
    return absl::InvalidArgumentError(
        "a key has 1 to " + std::to_string(ItemStaging::kKeyBytesMax) +
        " bytes");
  }
  if (submit.jobs.empty() || submit.jobs.size() > Submit::kJobsMax) {
    return absl::InvalidArgumentError(
        "a submission has 1 to " + std::to_string(Submit::kJobsMax) + " jobs");
  }
  Preparation preparation(submit, lists, stored, checked);
  for (uint32_t document = 0; document < submit.jobs.size(); ++document) {
    const absl::Status status = preparation.AddJob(document);
    if (status.ok()) continue;
    const std::string text =
        "job " + std::to_string(document + 1) +
        " of the submission: " + std::string(status.message());
    return absl::Status(status.code(), text);
  }
  return preparation.Take();
}

}  // namespace remuda

#include "coordinator/server/item_staging.h"

#include <algorithm>

#include "absl/status/status.h"

namespace remuda {

absl::StatusOr<uint64_t> ItemStaging::Add(const UploadItems& piece,
                                          MonotonicTime now) {
  if (piece.key.empty() || piece.key.size() > kOwnedKeyBytesMax) {
    return absl::InvalidArgumentError("a key has 1 to " +
                                      std::to_string(kKeyBytesMax) + " bytes");
  }
  if (piece.document >= Submit::kJobsMax) {
    return absl::InvalidArgumentError("a submission has at most " +
                                      std::to_string(Submit::kJobsMax) +
                                      " jobs");
  }
  auto found = submissions_.find(piece.key);
  if (found == submissions_.end()) {
    DropIdle(now);
    if (submissions_.size() >= kSubmissionsMax && !MakeRoom(0)) {
      return absl::UnavailableError("too many uploads at once; try again");
    }
    found = submissions_.try_emplace(piece.key).first;
  }
  Submission& submission = found->second;
  submission.touched = now;
  std::shared_ptr<std::string>& list = submission.lists[piece.document];
  if (list == nullptr) list = std::make_shared<std::string>();
  const uint64_t size = list->size();
  if (piece.offset > size || piece.offset + piece.bytes.size() <= size) {
    return size;
  }
  const std::string_view fresh =
      std::string_view(piece.bytes).substr(size - piece.offset);
  if (submission.bytes + fresh.size() > kSubmissionBytesMax) {
    return absl::ResourceExhaustedError(
        "the items of a submission may have " +
        std::to_string(kSubmissionBytesMax >> 20) + " MiB at most");
  }
  if (bytes_ + fresh.size() > kBytesMax && !MakeRoom(fresh.size())) {
    return absl::UnavailableError(
        "other submissions are being uploaded; try again");
  }
  // A submission that is being checked keeps what it was given.
  if (list.use_count() > 1) list = std::make_shared<std::string>(*list);
  list->append(fresh);
  submission.submitted = false;
  submission.bytes += fresh.size();
  bytes_ += fresh.size();
  return list->size();
}

StagedLists ItemStaging::Submit(const std::string& key, MonotonicTime now) {
  StagedLists lists;
  const auto found = submissions_.find(key);
  if (found == submissions_.end()) return lists;
  found->second.submitted = true;
  found->second.touched = now;
  for (const auto& [document, list] : found->second.lists) {
    lists[document] = list;
  }
  return lists;
}

void ItemStaging::DropIdle(MonotonicTime now) {
  for (auto it = submissions_.begin(); it != submissions_.end();) {
    const auto next = std::next(it);
    if (now - it->second.touched >= kIdleMax) Drop(it);
    it = next;
  }
}

std::optional<MonotonicTime> ItemStaging::next_time() const {
  std::optional<MonotonicTime> next;
  for (const auto& [key, submission] : submissions_) {
    const MonotonicTime end = submission.touched + kIdleMax;
    if (!next.has_value() || end < *next) next = end;
  }
  return next;
}

void ItemStaging::Drop(Submissions::iterator submission) {
  bytes_ -= submission->second.bytes;
  submissions_.erase(submission);
}

bool ItemStaging::MakeRoom(uint64_t bytes) {
  while (bytes_ + bytes > kBytesMax || submissions_.size() >= kSubmissionsMax) {
    auto oldest = submissions_.end();
    for (auto it = submissions_.begin(); it != submissions_.end(); ++it) {
      if (it->second.submitted &&
          (oldest == submissions_.end() ||
           it->second.touched < oldest->second.touched)) {
        oldest = it;
      }
    }
    if (oldest == submissions_.end()) return false;
    Drop(oldest);
  }
  return true;
}

}  // namespace remuda

#include "executors/admission.h"

#include <string>

namespace remuda {

absl::Status Admission::Admit(std::span<const Attempt> batch, size_t capacity) {
  if (closed_) {
    return absl::FailedPreconditionError("the executor is draining");
  }
  if (batch.size() > capacity) {
    return absl::ResourceExhaustedError(
        "a batch of " + std::to_string(batch.size()) +
        " attempts, but there is room for " + std::to_string(capacity));
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    if (held_.insert(batch[i].id).second) continue;
    for (size_t j = 0; j < i; ++j) held_.erase(batch[j].id);
    return absl::InvalidArgumentError("an attempt of this id is held already");
  }
  return absl::OkStatus();
}

void Admission::Release(std::span<const Outcome> outcomes) {
  for (const Outcome& outcome : outcomes) held_.erase(outcome.id);
}

}  // namespace remuda

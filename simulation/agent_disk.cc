#include "simulation/agent_disk.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "wire/codec.h"

namespace remuda {
namespace {

AgentFrame Decoded(const std::string& bytes) {
  absl::StatusOr<IncomingFrame> frame = DecodeIncoming(bytes);
  CHECK_OK(frame);
  return std::get<AgentFrame>(*std::move(frame));
}

}  // namespace

void AgentDisk::Release(uint64_t up_to) {
  if (!frames.empty() && frames.rbegin()->first <= up_to) frames.clear();
}

InheritedResults AgentDisk::Inherited() const {
  InheritedResults inherited = {.generation = generation};
  if (frames.empty()) return inherited;
  inherited.first = frames.begin()->first;
  for (const auto& [sequence, bytes] : frames) {
    const AgentFrame frame = Decoded(bytes);
    inherited.term = std::max(inherited.term, frame.term);
    InheritedResults::Message& message = inherited.messages.emplace_back();
    const auto* results = std::get_if<Results>(&frame.message);
    if (results == nullptr) continue;
    for (const EndedBatch& batch : results->batches) {
      for (const EndingRun& run : batch.runs) {
        (run.started ? message.ended : message.not_started)
            .push_back(
                {.job = batch.job, .tasks = run.tasks, .fence = run.fence});
      }
    }
  }
  return inherited;
}

std::vector<AttemptId> AgentDisk::Ended() const {
  std::vector<AttemptId> ended;
  for (const InheritedResults::Message& message : Inherited().messages) {
    for (const FencedRange& range : message.ended) {
      for (uint64_t i = 0; i < range.tasks.count; ++i) {
        ended.push_back({.job = range.job,
                         .task = range.tasks.first + i,
                         .fence = range.fence});
      }
    }
  }
  return ended;
}

}  // namespace remuda

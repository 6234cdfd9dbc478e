#include "agent/inherited_results.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/log.h"
#include "wire/codec.h"

namespace remuda {
namespace {

// What one frame settles, and the term in which it was written.
absl::StatusOr<InheritedResults::Message> Settled(
    const absl::StatusOr<Spool::Entry>& entry, Term& term) {
  if (!entry.ok()) return entry.status();
  absl::StatusOr<IncomingFrame> decoded = DecodeIncoming(entry->frame);
  if (!decoded.ok()) return decoded.status();
  const auto* frame = std::get_if<AgentFrame>(&*decoded);
  if (frame == nullptr) return absl::InvalidArgumentError("no agent's frame");
  InheritedResults::Message message;
  if (const auto* results = std::get_if<Results>(&frame->message)) {
    for (const EndedBatch& batch : results->batches) {
      for (const EndingRun& run : batch.runs) {
        (run.started ? message.ended : message.not_started)
            .push_back(
                {.job = batch.job, .tasks = run.tasks, .fence = run.fence});
      }
    }
  } else if (!std::holds_alternative<LogChunk>(frame->message)) {
    return absl::InvalidArgumentError("neither results nor a log");
  }
  term = std::max(term, frame->term);
  return message;
}

}  // namespace

InheritedResults ReadInherited(Spool& spool) {
  const Spool::Inheritance& left = spool.inheritance();
  for (const std::string& why : left.set_aside) {
    Log(LogLevel::kError, "spool_set_aside",
        "A file of results in the data folder is not this agent's to send; it "
        "was renamed, and its tasks run again.",
        {{"reason", why}});
  }
  if (left.bytes_damaged > 0) {
    Log(LogLevel::kWarning, "spool_damaged",
        "The last results of an earlier process were not wholly on disk; what "
        "is missing runs again.",
        {{"bytes", left.bytes_damaged}});
  }
  InheritedResults inherited = {
      .generation = left.generation, .term = {}, .first = left.first};
  for (uint64_t i = 0; i < left.entries; ++i) {
    const uint64_t sequence = left.first + i;
    absl::StatusOr<InheritedResults::Message> message =
        Settled(spool.Read(sequence), inherited.term);
    if (message.ok()) {
      inherited.messages.push_back(*std::move(message));
      continue;
    }
    Log(LogLevel::kError, "spool_unreadable",
        "Results of an earlier process cannot be read; their tasks run again.",
        {{"messages", left.entries - i},
         {"reason", std::string(message.status().message())}});
    spool.Disinherit(sequence);
    break;
  }
  return inherited;
}

}  // namespace remuda

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "jobs/ids.h"
#include "jobs/states.h"
#include "wire/attempt_records.h"
#include "wire/messages.h"

namespace remuda {

// Gathers ends of attempts by job and chunk, so that short tasks travel many
// at a time. Does not decide when they leave.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class ResultsBuilder {
 public:
  // What the batches of one message may weigh, roughly; one record alone
  // always fits because of kOutputBytesMax and kErrorBytesMax.
  static constexpr size_t kMessageBytesMax = 512u << 10;
  static constexpr size_t kOutputBytesMax = 256u << 10;
  static constexpr size_t kErrorBytesMax = 16u << 10;

  // One message's worth, and the attempts that it settles.
  struct Message {
    std::vector<EndedBatch> batches;
    std::vector<FencedRange> settles;
  };

  // An attempt that started and ended. Too long an output fails it, with an
  // error that says so; too long an error is cut.
  void Add(ExecutorKind executor, JobId job, AttemptRecord record);

  // Tasks that never started: handed back, or cancelled while they waited.
  void AddNotStarted(ExecutorKind executor, const FencedRange& tasks,
                     Ending ending);

  bool empty() const { return groups_.empty(); }
  size_t batches() const { return groups_.size(); }
  size_t bytes() const { return bytes_; }

  // Everything gathered, oldest first, in as few messages as fit.
  std::vector<Message> Take();

 private:
  struct Key {
    JobId job;
    uint64_t chunk = 0;
    ExecutorKind executor = ExecutorKind::kAsync;

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.job, key.chunk, key.executor);
    }
  };
  struct Group {
    Key key;
    std::vector<AttemptRecord> records;
    std::vector<EndingRun> not_started;
  };
  // Lays what a group holds into messages.
  class Packer;

  Group& GroupOf(const Key& key);

  std::vector<Group> groups_;
  absl::flat_hash_map<Key, size_t> places_;
  size_t last_ = 0;  // place of the group used last
  size_t bytes_ = 0;
};

}  // namespace remuda

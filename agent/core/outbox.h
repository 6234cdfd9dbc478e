#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "wire/messages.h"

namespace remuda {

// The numbering and the window of what must be acknowledged: Results and
// LogChunks, in one sequence without gaps. Knows numbers and which attempts a
// message settles; the bytes lie in the spool.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class Outbox {
 public:
  // Sent and not acked; more waits in the spool.
  static constexpr size_t kWindow = 8;

  // First and last sequence.
  struct Span {
    uint64_t first = 0;
    uint64_t last = 0;

    friend bool operator==(const Span&, const Span&) = default;
  };

  // Before the first message: its number.
  void StartAt(uint64_t first);

  // The number of a new message.
  uint64_t Append(MonotonicTime now, std::vector<FencedRange> settles);

  // What waits for its ack since `before` or earlier and was not given by an
  // earlier call, as its highest number; it is to be made safe on disk.
  std::optional<uint64_t> TakeKeepable(MonotonicTime before);
  // Since when the first one waits that was not.
  std::optional<MonotonicTime> unkept_since() const;

  // Nothing is to be acked any more.
  void DropAll();

  // After a Welcome everything not acked is sent again.
  void SendAgain() { sent_up_to_ = acked_up_to_; }

  // What was settled by the ack. An ack of something never sent counts as one
  // of all that was.
  std::vector<FencedRange> OnAck(uint64_t up_to);

  // What the window lets go now.
  std::optional<Span> TakeSendable();

  uint64_t acked_up_to() const { return acked_up_to_; }
  uint64_t next() const { return next_; }
  size_t unacked() const { return entries_.size(); }
  size_t in_flight() const {
    return static_cast<size_t>(sent_up_to_ - acked_up_to_);
  }
  bool has_unsent() const { return sent_up_to_ + 1 < next_; }
  // Ranges that entries remember, a bound on memory and on a Hello.
  size_t ranges() const { return ranges_; }

 private:
  struct Entry {
    MonotonicTime at{};
    std::vector<FencedRange> settles;
  };
  std::deque<Entry> entries_;  // from acked_up_to_ + 1
  uint64_t next_ = 1;
  uint64_t acked_up_to_ = 0;
  uint64_t sent_up_to_ = 0;
  uint64_t sent_max_ = 0;  // ever, whatever was to be sent again since
  uint64_t kept_up_to_ = 0;
  size_t ranges_ = 0;
};

}  // namespace remuda

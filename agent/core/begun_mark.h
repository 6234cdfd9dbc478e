#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "jobs/ids.h"
#include "wire/messages.h"

namespace remuda {

// How far one executor has come with what it was given: it begins that in the
// order given, at most so many at once as it has slots, and others when some
// have ended. Hence nobody has to be told when something begins. Where an
// executor takes several lines in turn, or tasks of several slots, the mark may
// stand on a neighbour of what really began, never on more tasks.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class BegunMark {
 public:
  explicit BegunMark(uint64_t slots) : slots_(slots) {}

  void OnGiven(const AttemptId& attempt);
  // `started`: false if it was stopped before its turn.
  void OnEnded(const AttemptId& attempt, bool started);

  // The attempt that began last.
  const std::optional<AttemptId>& last() const { return last_; }
  // Whether last() has moved since the last call.
  bool TakeMoved();

  // What has not begun, in the order given.
  std::vector<FencedRange> Waiting() const;

 private:
  void BeginNext();

  uint64_t slots_;
  uint64_t held_ = 0;  // given and not ended
  std::deque<AttemptId> line_;
  absl::flat_hash_set<AttemptId> waiting_;  // of the line: others have gone
  std::optional<AttemptId> last_;
  bool moved_ = false;
};

}  // namespace remuda

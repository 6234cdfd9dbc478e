#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/file_descriptor.h"
#include "executors/processes/spawn_message.h"

namespace remuda {

// A request with the descriptors that came with it.
struct HeldSpawn {
  SpawnRequest request;
  std::vector<UniqueFd> given;
  bool complete = true;  // all descriptors that it names are there
};

// Requests that start when a program of their line ends, oldest first, so that
// its place is taken without asking the agent. Both ends of the socket number
// the ends and agree on who took which place: an end takes the oldest request
// that the agent had sent by the time it learned of that end.
//
// Thread: confined to its owner's.
class SpawnLine {
 public:
  // Of every request of the line: ends up to that one are the agent's again.
  void Seen(uint64_t ends);

  // Gives it back if an end that the agent had not seen is there for it.
  std::optional<HeldSpawn> Add(HeldSpawn held);

  // A program of the line has ended: who starts in its place, if anyone.
  std::optional<HeldSpawn> TakeForEnd();

  // False if no such request is here.
  bool Remove(uint64_t id);

  size_t size() const { return held_.size(); }

 private:
  uint64_t ends_ = 0;
  std::deque<uint64_t> unclaimed_;  // ends, at most those of a round trip
  std::deque<HeldSpawn> held_;
};

}  // namespace remuda

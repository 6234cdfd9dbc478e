#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "coordinator/core/output.h"
#include "simulation/shape.h"

namespace remuda {

enum class Direction : uint8_t { kToCoordinator, kToAgent };

// A frame on its way over one connection of the agent in one place.
struct FrameInFlight {
  size_t place = 0;
  Peer peer;
  Direction direction = Direction::kToCoordinator;
  std::string bytes;
};

// The network between agents and the coordinator: loses, copies, delays and
// reorders frames as the shape says, repeats old ones, and lets none pass
// where a cut is.
//
// Thread: confined to its run.
class FramesInFlight {
 public:
  FramesInFlight(Random& random, const Shape& shape)
      : random_(random), shape_(shape) {}

  void Send(MonotonicTime now, FrameInFlight frame);
  // The next that arrives by `now`.
  std::optional<FrameInFlight> Take(MonotonicTime now);
  std::optional<MonotonicTime> next_time() const;

  // Nothing passes in that direction. What `holds` is there afterwards.
  void Cut(size_t place, Direction direction, MonotonicTime until, bool holds);
  bool IsCut(size_t place, MonotonicTime now) const;
  // What is on its way over that connection is lost.
  void Drop(Peer peer);
  // No frame of what was there comes again: another process has begun.
  void Forget(size_t place);
  void EndFaults();

  uint64_t delivered() const { return delivered_; }

 private:
  static constexpr size_t kOldFramesMax = 32;  // of a place and direction

  struct Cutting {
    MonotonicTime until{};
    bool holds = false;
  };
  using Line = std::pair<size_t, Direction>;

  bool Chance(double rate) { return !calm_ && random_.Unit() < rate; }
  Duration Delay();
  void Put(MonotonicTime at, FrameInFlight frame);

  Random& random_;
  const Shape& shape_;
  bool calm_ = false;
  std::multimap<MonotonicTime, FrameInFlight> frames_;
  std::map<std::pair<Peer, Direction>, MonotonicTime> last_at_;
  std::map<Line, Cutting> cuts_;
  std::map<Line, std::vector<std::string>> old_;
  uint64_t delivered_ = 0;
};

}  // namespace remuda

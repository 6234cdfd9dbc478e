#include "simulation/frames_in_flight.h"

#include <algorithm>
#include <utility>

namespace remuda {

Duration FramesInFlight::Delay() {
  return Duration(static_cast<int64_t>(
      random_.Unit() * static_cast<double>(shape_.delay_max.count())));
}

void FramesInFlight::Put(MonotonicTime at, FrameInFlight frame) {
  frames_.emplace(at, std::move(frame));
}

void FramesInFlight::Send(MonotonicTime now, FrameInFlight frame) {
  std::vector<std::string>& old = old_[{frame.place, frame.direction}];
  if (!old.empty() && Chance(shape_.replayed)) {
    FrameInFlight again = frame;
    again.bytes = old[random_.Below(old.size())];
    Put(now + Delay(), std::move(again));
  }
  if (shape_.replayed > 0) {
    if (old.size() < kOldFramesMax) {
      old.push_back(frame.bytes);
    } else {
      old[random_.Below(old.size())] = frame.bytes;
    }
  }
  if (Chance(shape_.loss)) return;
  if (Chance(shape_.copies)) {
    // Perhaps long after.
    Put(now + Delay() + std::chrono::seconds(random_.Below(10)), frame);
  }
  MonotonicTime at = now + Delay();
  if (!Chance(shape_.reordered)) {
    MonotonicTime& last = last_at_[{frame.peer, frame.direction}];
    last = at = std::max(at, last);
  }
  Put(at, std::move(frame));
}

std::optional<FrameInFlight> FramesInFlight::Take(MonotonicTime now) {
  while (!frames_.empty() && frames_.begin()->first <= now) {
    FrameInFlight frame = std::move(frames_.begin()->second);
    frames_.erase(frames_.begin());
    const auto cut = cuts_.find({frame.place, frame.direction});
    if (cut == cuts_.end() || cut->second.until <= now) {
      ++delivered_;
      return frame;
    }
    if (cut->second.holds) {
      const MonotonicTime at = cut->second.until;
      Put(at, std::move(frame));
    }
  }
  return std::nullopt;
}

std::optional<MonotonicTime> FramesInFlight::next_time() const {
  if (frames_.empty()) return std::nullopt;
  return frames_.begin()->first;
}

void FramesInFlight::Cut(size_t place, Direction direction, MonotonicTime until,
                         bool holds) {
  cuts_[{place, direction}] = {.until = until, .holds = holds};
}

bool FramesInFlight::IsCut(size_t place, MonotonicTime now) const {
  for (const Direction direction :
       {Direction::kToCoordinator, Direction::kToAgent}) {
    const auto cut = cuts_.find({place, direction});
    if (cut != cuts_.end() && cut->second.until > now) return true;
  }
  return false;
}

void FramesInFlight::Drop(Peer peer) {
  std::erase_if(frames_,
                [&](const auto& entry) { return entry.second.peer == peer; });
}

void FramesInFlight::Forget(size_t place) {
  old_.erase({place, Direction::kToCoordinator});
  old_.erase({place, Direction::kToAgent});
}

void FramesInFlight::EndFaults() {
  calm_ = true;
  cuts_.clear();
}

}  // namespace remuda

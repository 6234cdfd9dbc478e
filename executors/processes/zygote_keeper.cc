#include "executors/processes/zygote_keeper.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace remuda {
namespace {

// How often it is looked whether one is without use.
constexpr int kLookMilliseconds = 1000;

// Descriptors 1 to 4, which a forked worker is given.
constexpr uint32_t kWorkerDescriptors = 0b11110;

// Programs of which it is remembered when they ended.
constexpr size_t kPlacesMax = 64;

}  // namespace

std::string ZygoteKeeper::KeyOf(const SpawnRequest& request) {
  constexpr std::string_view kMark = "REMUDA_MARK=";
  if (request.zygote.empty() || request.descriptors != kWorkerDescriptors ||
      request.environment.empty() ||
      request.environment.back() != std::string(kMark) + request.mark) {
    return {};
  }
  std::string key = request.zygote;
  for (const std::string& word : request.argv) key += '\0' + word;
  key += '\0';
  for (size_t i = 0; i + 1 < request.environment.size(); ++i) {
    key += '\0' + request.environment[i];
  }
  return key;
}

std::optional<pid_t> ZygoteKeeper::Start(const std::string& key,
                                         const SpawnRequest& request,
                                         const ChildPlan& plan,
                                         MonotonicTime now, Duration patience) {
  const auto found = places_.find(key);
  // What nobody has seen end is started for the first time.
  if (found == places_.end()) return std::nullopt;
  Place& place = found->second;
  if (place.zygote == nullptr) {
    Begin(place, request, now);
    return std::nullopt;
  }
  place.used = now;
  if (!place.zygote->ready()) return std::nullopt;
  const std::optional<pid_t> pid = place.zygote->Fork(request, plan, patience);
  if (pid.has_value()) {
    place.pause = kPauseFirst;
  } else {
    Failed(place, now);
  }
  return pid;
}

void ZygoteKeeper::Begin(Place& place, const SpawnRequest& request,
                         MonotonicTime now) {
  if (now - place.ended > kKept || now < place.not_before) return;
  const auto live = std::count_if(
      places_.begin(), places_.end(),
      [](const auto& entry) { return entry.second.zygote != nullptr; });
  if (static_cast<size_t>(live) >= kZygotesMax) return;
  place.zygote = Zygote::Start(request);
  place.begun = place.used = now;
  if (place.zygote == nullptr) {
    Failed(place, now);
  } else {
    pids_.insert(place.zygote->pid());
  }
}

void ZygoteKeeper::Failed(Place& place, MonotonicTime now) {
  place.zygote.reset();
  place.not_before = now + place.pause;
  place.pause = std::min<Duration>(place.pause * 2, kPauseMax);
}

void ZygoteKeeper::Ended(const std::string& key, MonotonicTime now) {
  if (key.empty()) return;
  if (places_.size() >= kPlacesMax && !places_.contains(key)) {
    std::erase_if(places_, [](const auto& entry) {
      return entry.second.zygote == nullptr;
    });
  }
  places_[key].ended = now;
}

bool ZygoteKeeper::Reaped(pid_t pid) {
  if (pids_.erase(pid) == 0) return false;
  for (auto& [key, place] : places_) {
    if (place.zygote != nullptr && place.zygote->pid() == pid) {
      place.zygote->NoteReaped();
    }
  }
  return true;
}

void ZygoteKeeper::AddWatched(std::vector<pollfd>& watched) const {
  for (const auto& [key, place] : places_) {
    if (place.zygote == nullptr) continue;
    watched.push_back({place.zygote->fd(), POLLIN, 0});
  }
}

void ZygoteKeeper::Look(MonotonicTime now) {
  for (auto& [key, place] : places_) {
    if (place.zygote == nullptr) continue;
    place.zygote->Read();
    const bool hangs = !place.zygote->ready() && now - place.begun > kKept;
    if (place.zygote->gone() || hangs) {
      Failed(place, now);
    } else if (now - place.used > kKept || now - place.begun > kAgeMax) {
      place.zygote.reset();
    }
  }
}

int ZygoteKeeper::look_milliseconds() const {
  const bool some = std::any_of(
      places_.begin(), places_.end(),
      [](const auto& entry) { return entry.second.zygote != nullptr; });
  return some ? kLookMilliseconds : -1;
}

}  // namespace remuda

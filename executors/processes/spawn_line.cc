#include "executors/processes/spawn_line.h"

#include <algorithm>
#include <utility>

namespace remuda {

void SpawnLine::Seen(uint64_t ends) {
  while (!unclaimed_.empty() && unclaimed_.front() <= ends) {
    unclaimed_.pop_front();
  }
}

std::optional<HeldSpawn> SpawnLine::Add(HeldSpawn held) {
  if (!unclaimed_.empty()) {
    unclaimed_.pop_front();
    return held;
  }
  held_.push_back(std::move(held));
  return std::nullopt;
}

std::optional<HeldSpawn> SpawnLine::TakeForEnd() {
  ++ends_;
  if (held_.empty()) {
    unclaimed_.push_back(ends_);
    return std::nullopt;
  }
  HeldSpawn next = std::move(held_.front());
  held_.pop_front();
  return next;
}

bool SpawnLine::Remove(uint64_t id) {
  return std::erase_if(held_, [id](const HeldSpawn& held) {
           return held.request.id == id;
         }) > 0;
}

}  // namespace remuda

#include "coordinator/core/ready_queue.h"

namespace remuda {

ReadyQueue::Interned ReadyQueue::Intern(const std::string& type,
                                        ExecutorKind executor,
                                        uint32_t slots_each) {
  const ClassId next{static_cast<uint32_t>(classes_.size())};
  const auto [at, is_new] =
      ids_.try_emplace({type, executor, slots_each}, next);
  if (is_new) {
    Class added;
    added.type = type;
    added.executor = executor;
    added.slots_each = slots_each;
    classes_.push_back(std::move(added));
  }
  return {.id = at->second, .is_new = is_new};
}

void ReadyQueue::SetReady(ClassId id, int32_t priority, JobId job, bool ready) {
  const Place place = {-static_cast<int64_t>(priority), job};
  if (ready) {
    classes_[id.value].ready.insert(place);
  } else {
    classes_[id.value].ready.erase(place);
  }
}

void ReadyQueue::SetFree(ClassId id, AgentId agent, bool is_free) {
  if (is_free) {
    classes_[id.value].free.insert(agent);
  } else {
    classes_[id.value].free.erase(agent);
  }
}

std::optional<JobId> ReadyQueue::Best() const {
  const Place* best = nullptr;
  for (const Class& entry : classes_) {
    if (entry.ready.empty() || entry.free.empty()) continue;
    const Place& first = *entry.ready.begin();
    if (best == nullptr || first < *best) best = &first;
  }
  if (best == nullptr) return std::nullopt;
  return best->second;
}

std::optional<AgentId> ReadyQueue::NextFree(ClassId id) {
  Class& entry = classes_[id.value];
  if (entry.free.empty()) return std::nullopt;
  auto next = entry.free.upper_bound(entry.served);
  if (next == entry.free.end()) next = entry.free.begin();
  entry.served = *next;
  return *next;
}

}  // namespace remuda

#include "coordinator/core/ready_queue.h"

#include <algorithm>

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

void ReadyQueue::SetLoad(ClassId id, AgentId agent, Load from, Load to) {
  Class& entry = classes_[id.value];
  if (from == Load::kSpare) entry.spare.erase(agent);
  if (from == Load::kBehind) entry.behind.erase(agent);
  if (to == Load::kSpare) entry.spare.insert(agent);
  if (to == Load::kBehind) entry.behind.insert(agent);
}

std::optional<ReadyQueue::Need> ReadyQueue::NeedOf(const Class& entry) {
  if (entry.behind.empty()) return std::nullopt;
  if (entry.ready.empty()) {
    if (entry.spare.empty()) return std::nullopt;
    return Need{};
  }
  if (!entry.free.empty()) return std::nullopt;
  return Need{.id = {},
              .priority = static_cast<int32_t>(-entry.ready.begin()->first)};
}

bool ReadyQueue::has_needs() const {
  return std::any_of(classes_.begin(), classes_.end(), [](const Class& entry) {
    return NeedOf(entry).has_value();
  });
}

std::vector<ReadyQueue::Need> ReadyQueue::Needs() const {
  std::vector<Need> needs;
  for (uint32_t i = 0; i < classes_.size(); ++i) {
    std::optional<Need> need = NeedOf(classes_[i]);
    if (!need.has_value()) continue;
    need->id = ClassId{i};
    needs.push_back(*need);
  }
  return needs;
}

std::vector<AgentId> ReadyQueue::NextBehind(ClassId id, size_t agents_max) {
  Class& entry = classes_[id.value];
  std::vector<AgentId> agents;
  auto next = entry.behind.upper_bound(entry.asked);
  while (agents.size() < std::min(agents_max, entry.behind.size())) {
    if (next == entry.behind.end()) next = entry.behind.begin();
    agents.push_back(*next++);
  }
  if (!agents.empty()) entry.asked = agents.back();
  return agents;
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

#include "coordinator/core/agent_table.h"

#include <algorithm>

namespace remuda {

uint64_t AgentEntry::free_credit(ExecutorKind executor) const {
  const auto at = static_cast<size_t>(executor);
  if (!takes_work()) return 0;
  const uint64_t most = std::min(credit[at], session->ceilings[at].tasks);
  return most <= outstanding[at] ? 0 : most - outstanding[at];
}

uint64_t AgentEntry::LimitOf(ExecutorKind executor, WorkKey work) const {
  if (!session->says_backlogs) return UINT64_MAX;
  const uint64_t most =
      std::max<uint64_t>(slots[static_cast<size_t>(executor)], 1);
  for (const Backlog& backlog : session->backlogs) {
    if (backlog.executor != executor || backlog.work != work) continue;
    return most + std::min(backlog.tasks, kCreditMax);
  }
  return most;
}

ReadyQueue::Load AgentEntry::LoadOf(ExecutorKind executor) const {
  const auto at = static_cast<size_t>(executor);
  if (!takes_work() || !session->says_backlogs) return ReadyQueue::Load::kFull;
  if (outstanding[at] > slots[at]) return ReadyQueue::Load::kBehind;
  return outstanding[at] < std::min(slots[at], credit[at])
             ? ReadyQueue::Load::kSpare
             : ReadyQueue::Load::kFull;
}

AgentState AgentEntry::state() const {
  if (!session.has_value() || suspect) return AgentState::kSuspect;
  return session->draining ? AgentState::kDraining : AgentState::kOnline;
}

AgentEntry& AgentTable::Register(const AgentRegistered& registered) {
  AgentEntry& entry = agents_[registered.agent];
  entry.registered = registered;
  entry.slots = {};
  for (const ExecutorOffer& offer : registered.executors) {
    entry.slots[static_cast<size_t>(offer.kind)] = offer.slots;
  }
  by_instance_[registered.instance] = registered.agent;
  return entry;
}

void AgentTable::Remove(AgentId agent) {
  const auto at = agents_.find(agent);
  if (at == agents_.end()) return;
  CloseSession(at->second);
  by_instance_.erase(at->second.registered.instance);
  if (const auto wake = wake_of_.find(agent); wake != wake_of_.end()) {
    wakes_.erase({wake->second, agent});
    wake_of_.erase(wake);
  }
  agents_.erase(at);
}

AgentEntry* AgentTable::Find(AgentId agent) {
  const auto at = agents_.find(agent);
  return at == agents_.end() ? nullptr : &at->second;
}

AgentEntry* AgentTable::FindInstance(const std::string& instance) {
  const auto at = by_instance_.find(instance);
  return at == by_instance_.end() ? nullptr : Find(at->second);
}

AgentEntry* AgentTable::FindPeer(Peer peer) {
  const auto at = by_peer_.find(peer);
  return at == by_peer_.end() ? nullptr : Find(at->second);
}

void AgentTable::OpenSession(AgentEntry& agent, Session session) {
  if (AgentEntry* other = FindPeer(session.peer); other != nullptr) {
    CloseSession(*other);
  }
  CloseSession(agent);
  by_peer_[session.peer] = agent.registered.agent;
  agent.session = std::move(session);
}

void AgentTable::CloseSession(AgentEntry& agent) {
  if (!agent.session.has_value()) return;
  by_peer_.erase(agent.session->peer);
  agent.session.reset();
}

void AgentTable::WakeAt(AgentId agent, MonotonicTime at) {
  const auto [wake, is_new] = wake_of_.try_emplace(agent, at);
  if (!is_new) {
    wakes_.erase({wake->second, agent});
    wake->second = at;
  }
  wakes_.insert({at, agent});
}

std::optional<MonotonicTime> AgentTable::next_wake() const {
  if (wakes_.empty()) return std::nullopt;
  return wakes_.begin()->first;
}

std::vector<AgentId> AgentTable::TakeWoken(MonotonicTime now) {
  std::vector<AgentId> woken;
  while (!wakes_.empty() && wakes_.begin()->first <= now) {
    woken.push_back(wakes_.begin()->second);
    wake_of_.erase(woken.back());
    wakes_.erase(wakes_.begin());
  }
  return woken;
}

}  // namespace remuda

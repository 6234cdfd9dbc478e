#include "wire/peer_table.h"

#include <utility>

#include "base/check.h"

namespace remuda {

PeerTable::PeerTable(size_t peers_max) : peers_max_(peers_max) {
  CHECK(peers_max > 0);
}

PeerTable::Peer* PeerTable::Find(std::string_view routing_id,
                                 std::string_view key) {
  const auto found = by_id_.find(std::string(routing_id));
  if (found == by_id_.end()) return nullptr;
  const AllowEntry* entry = found->second->entry.get();
  const bool same_key =
      entry == nullptr ? key.empty() : key == entry->key.text();
  if (!same_key) return nullptr;
  latest_first_.splice(latest_first_.begin(), latest_first_, found->second);
  return &*found->second;
}

PeerTable::Peer& PeerTable::Add(std::string_view routing_id,
                                std::shared_ptr<const AllowEntry> entry,
                                PeerConnection connection) {
  std::string id(routing_id);
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    Forget(found->second->number);
  }
  if (by_id_.size() == peers_max_) Forget(latest_first_.back().number);
  latest_first_.push_front({.number = {++last_number_},
                            .routing_id = id,
                            .entry = std::move(entry),
                            .connection = std::move(connection)});
  by_id_.emplace(std::move(id), latest_first_.begin());
  by_peer_.emplace(last_number_, latest_first_.begin());
  return latest_first_.front();
}

const PeerTable::Peer* PeerTable::Get(WirePeer peer) const {
  const auto found = by_peer_.find(peer.value);
  return found == by_peer_.end() ? nullptr : &*found->second;
}

void PeerTable::Forget(WirePeer peer) {
  const auto found = by_peer_.find(peer.value);
  if (found == by_peer_.end()) return;
  by_id_.erase(found->second->routing_id);
  latest_first_.erase(found->second);
  by_peer_.erase(found);
}

}  // namespace remuda

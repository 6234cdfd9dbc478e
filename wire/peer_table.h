#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "jobs/ids.h"
#include "wire/key_files.h"
#include "wire/peer_connection.h"

namespace remuda {

// One connection of one peer, for as long as it lasts; never used again.
using WirePeer = Id<struct WirePeerTag>;

// Routing ids, which ZeroMQ may use again, to numbers that are not, and to
// the key that was proved over that connection. A peer may choose its routing
// id, so that the same id with another key is another peer.
//
// Thread: confined to its owner.
// Lifetime: pointers hold until the next call that changes it.
class PeerTable {
 public:
  struct Peer {
    WirePeer number;
    std::string routing_id;
    // Of the key; null on a socket without keys.
    std::shared_ptr<const AllowEntry> entry;
    PeerConnection connection;
  };

  explicit PeerTable(size_t peers_max);

  // The one that last spoke under this id with this key (empty: none), who
  // counts as the latest. Null if there is none.
  Peer* Find(std::string_view routing_id, std::string_view key);

  // Makes room by forgetting who was silent for longest, and whoever had the
  // routing id before.
  Peer& Add(std::string_view routing_id,
            std::shared_ptr<const AllowEntry> entry, PeerConnection connection);

  // Null for one that is not known (any more).
  const Peer* Get(WirePeer peer) const;

  void Forget(WirePeer peer);

  size_t size() const { return by_id_.size(); }
  const std::list<Peer>& all() const { return latest_first_; }

 private:
  using Peers = std::list<Peer>;

  const size_t peers_max_;
  uint64_t last_number_ = 0;
  Peers latest_first_;
  std::unordered_map<std::string, Peers::iterator> by_id_;
  std::unordered_map<uint64_t, Peers::iterator> by_peer_;
};

}  // namespace remuda

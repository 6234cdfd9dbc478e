#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "coordinator/core/output.h"
#include "wire/key_files.h"
#include "wire/messages.h"

namespace remuda {

// How many agents use one key at a time, and under which names they go: those
// of the key, whatever their Hello says, so that no agent can be taken for
// another key's. The core knows nothing of keys.
//
// Whether an earlier session is over is asked of its connection and not of
// its lease: an agent that was started again is not locked out by itself.
//
// Thread: confined to the control loop.
class KeySessions {
 public:
  // Whether the connection of a peer is still open.
  using IsConnected = std::function<bool(Peer)>;

  struct Answer {
    std::string refusal;     // empty: admitted, and `hello` renamed
    std::vector<Peer> over;  // whose connection turned out to have ended
  };
  Answer Open(Peer peer, const AllowEntry& entry, Hello& hello,
              const IsConnected& is_connected);

  void Close(Peer peer);

  uint64_t refused() const { return refused_; }

 private:
  struct Live {
    Peer peer;
    std::string instance;
  };

  std::map<std::string, std::vector<Live>> by_key_;
  std::map<Peer, std::string> key_of_;
  uint64_t refused_ = 0;
};

}  // namespace remuda

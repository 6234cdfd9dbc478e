#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "wire/access.h"
#include "wire/authenticator.h"
#include "wire/curve_key.h"
#include "wire/frame_limits.h"
#include "wire/handshake_failures.h"
#include "wire/key_files.h"
#include "wire/peer_table.h"
#include "wire/wire_context.h"

namespace remuda {

// What a socket needs to admit by key alone.
struct RouterKeys {
  SecretKey secret;
  // Outlives the socket; knows who is admitted.
  const Authenticator& authenticator;
};

struct RouterOptions {
  std::string endpoint;  // tcp://127.0.0.1:0 chooses a port
  size_t frame_bytes_max = kFrameBytesMax;
  // Peers remembered. One more makes room by forgetting the one that was silent
  // for longest; should it speak again, it counts as a new peer.
  size_t peers_max = 65'536;
  // Without them everybody who reaches the address is Role::kLocal.
  std::optional<RouterKeys> keys = {};
};

// What agents and clients connect to. Takes whole frames, with keys only from
// whose key is admitted, and says nothing about what is in them.
//
// Thread: confined to the loop's thread.
// Lifetime: destroyed before the loop, and never inside of its own callback.
class RouterSocket {
 public:
  // Frames handed over before others on the loop get their turn.
  static constexpr size_t kFramesPerTurn = 256;

  // The frame is valid during the call. May call Send().
  using OnFrame = std::function<void(WirePeer peer, std::string_view frame)>;

  // Listens at once. Errors: FailedPrecondition for an address off this
  // machine without keys; AlreadyExists if it is taken; InvalidArgument if it
  // is none; ResourceExhausted if there are no more descriptors.
  static absl::StatusOr<std::unique_ptr<RouterSocket>> Bind(
      const RouterOptions& options, WireContext& context, EventLoop& loop,
      OnFrame on_frame);

  ~RouterSocket();
  RouterSocket(const RouterSocket&) = delete;
  RouterSocket& operator=(const RouterSocket&) = delete;

  // Where it listens, with the chosen port.
  const std::string& endpoint() const;

  // OK means queued here, not arrived.
  // Errors: Unavailable if the peer does not read fast enough: keep the frame
  // and try again some milliseconds later, as nothing tells when; NotFound if
  // it has gone; InvalidArgument for a frame that is too long.
  absl::Status Send(WirePeer peer, std::string_view frame);

  // Who it is by its key; kLocal if the socket asks for none. Of a peer that
  // has been heard; with keys one that is forgotten is an agent without a
  // name, who may ask nothing and has no session.
  Identity IdentityOf(WirePeer peer) const;

  // The entry of its key; null without keys, or for one that is forgotten.
  std::shared_ptr<const AllowEntry> EntryOf(WirePeer peer) const;

  // Whether its connection is still open, as far as this machine can tell.
  bool IsConnected(WirePeer peer) const;

  // Forgets the peers whose entry is no longer what it was, closes their
  // connections, and says who they were. What they sent and nobody has read
  // yet is dropped or, if their key is admitted as something else, comes from
  // a new peer.
  std::vector<WirePeer> CutChanged();

  // Everything that had arrived before this turn has been handed over.
  bool drained() const;

  struct Counters {
    uint64_t frames_received = 0;
    uint64_t bytes_received = 0;
    uint64_t frames_sent = 0;
    uint64_t bytes_sent = 0;
    uint64_t send_blocked = 0;
    uint64_t unroutable = 0;
    uint64_t malformed = 0;  // not one payload part
    uint64_t denied = 0;     // frames by a key that is no longer admitted
    uint64_t cut = 0;        // peers whose entry changed
    HandshakeFailures handshakes_failed;
    uint64_t accepts_failed = 0;
    uint64_t connections = 0;  // now
    uint64_t peers = 0;        // remembered now
  };
  Counters counters() const;

 private:
  class Impl;
  explicit RouterSocket(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "jobs/ids.h"
#include "wire/access.h"
#include "wire/frame_limits.h"
#include "wire/wire_context.h"

namespace remuda {

// One connection of one peer, for as long as it lasts; never used again.
using WirePeer = Id<struct WirePeerTag>;

struct RouterOptions {
  std::string endpoint;  // tcp://127.0.0.1:0 chooses a port
  size_t frame_bytes_max = kFrameBytesMax;
  // Peers remembered. One more makes room by forgetting the one that was silent
  // for longest; should it speak again, it counts as a new peer.
  size_t peers_max = 65'536;
  // Keys and the domain of their check will stand here.
};

// What agents and clients connect to. Takes whole frames from anybody and says
// nothing about what is in them.
//
// Thread: confined to the loop's thread.
// Lifetime: destroyed before the loop, and never inside of its own callback.
class RouterSocket {
 public:
  // Frames handed over before others on the loop get their turn.
  static constexpr size_t kFramesPerTurn = 256;

  // The frame is valid during the call. May call Send().
  using OnFrame = std::function<void(WirePeer peer, std::string_view frame)>;

  // Listens at once. Errors: Unimplemented for an address off this machine;
  // AlreadyExists if it is taken; InvalidArgument if it is none;
  // ResourceExhausted if there are no more descriptors.
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

  // Who it is by its key; kLocal while the socket asks for none. Of a peer that
  // has been heard.
  Identity IdentityOf(WirePeer peer) const;

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
    uint64_t handshakes_failed = 0;
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

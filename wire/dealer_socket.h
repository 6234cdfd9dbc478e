#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "base/random.h"
#include "wire/frame_limits.h"
#include "wire/handshake_failures.h"
#include "wire/key_files.h"
#include "wire/wire_context.h"

namespace remuda {

// The wait before a reconnect: first drawn between the two, so that many peers
// do not come back in step, then doubling.
struct ReconnectDelays {
  Duration first_min = std::chrono::milliseconds(250);
  Duration first_max = std::chrono::milliseconds(1000);
  Duration max = std::chrono::seconds(15);

  // On the same machine a restart is over soon and nobody is in the way.
  static ReconnectDelays For(const std::string& endpoint);
};

// Why there is no connection although somebody listens there.
enum class TurnedAway {
  kKeyDenied,       // our key is not admitted (any more)
  kKeyMissing,      // the coordinator has keys, and we have none
  kKeyNotAskedFor,  // we have a key, and the coordinator has none
  kProtocol,        // whoever listens there is no coordinator
};

// What a person can do about it.
const char* ReasonOf(TurnedAway turned_away);

struct DealerOptions {
  std::string endpoint;
  ReconnectDelays reconnect = ReconnectDelays::For("");
  size_t frame_bytes_max = kFrameBytesMax;
  // What waits here because the peer does not read.
  size_t queued_frames_max = 1024;
  size_t queued_bytes_max = 64u << 20;
  // The coordinator's key and one's own.
  std::optional<PeerKey> key = {};
};

// An agent's connection to the coordinator, which it makes again by itself.
// Whether what was sent arrived, and what is sent again after a reconnect, is
// the session's business.
//
// Thread: confined to the loop's thread.
// Lifetime: destroyed before the loop, and never inside of its own callbacks.
class DealerSocket {
 public:
  // Frames handed over before others on the loop get their turn.
  static constexpr size_t kFramesPerTurn = 256;

  struct Callbacks {
    // The frame is valid during the call.
    std::function<void(std::string_view frame)> on_frame;
    // A new connection: the other end knows nothing of this one.
    std::function<void()> on_connected;
    // What was queued is dropped. May come twice.
    std::function<void()> on_disconnected;
    // It is tried again, ever more seldom, as the other end may change.
    std::function<void(TurnedAway)> on_turned_away = {};
  };

  // Does not wait for the connection; a missing coordinator is no error.
  // Errors: FailedPrecondition for an address off this machine without a key;
  // InvalidArgument if it is none; ResourceExhausted if there are no more
  // descriptors.
  static absl::StatusOr<std::unique_ptr<DealerSocket>> Connect(
      const DealerOptions& options, WireContext& context, EventLoop& loop,
      Random& random, Callbacks callbacks);

  ~DealerSocket();
  DealerSocket(const DealerSocket&) = delete;
  DealerSocket& operator=(const DealerSocket&) = delete;

  bool connected() const;

  // Errors: Unavailable while there is no connection; ResourceExhausted if the
  // queue is full; InvalidArgument for a frame that is too long.
  absl::Status Send(std::string_view frame);

  struct Counters {
    uint64_t frames_received = 0;
    uint64_t bytes_received = 0;
    uint64_t frames_sent = 0;
    uint64_t bytes_sent = 0;
    uint64_t send_blocked = 0;  // had to wait in the queue
    uint64_t malformed = 0;
    uint64_t connects = 0;
    // With a key, `other` is also what becomes of the wrong server's key.
    HandshakeFailures handshakes_failed;
    uint64_t queued_frames = 0;  // now
  };
  Counters counters() const;

 private:
  class Impl;
  explicit DealerSocket(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda

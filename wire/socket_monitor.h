#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "wire/zmq_socket.h"

namespace remuda {

enum class ConnectionEvent {
  kConnected,  // the handshake is over: messages may travel
  kDisconnected,
  kKeyDenied,        // the key is not admitted
  kOtherMechanism,   // one end has keys and the other has none
  kProtocolError,    // does not speak ZeroMQ, or has another server's key
  kHandshakeFailed,  // went away meanwhile, or was too slow
  kAcceptFailed,     // most likely no more descriptors
};

// Tells what happens to the connections of another socket. Events come in
// order, but neither before nor after the messages of that socket.
//
// Thread: confined to the loop's thread.
// Lifetime: destroyed before the socket that it watches and before the loop.
class SocketMonitor {
 public:
  static absl::StatusOr<std::unique_ptr<SocketMonitor>> Start(
      WireContext& context, EventLoop& loop, ZmqSocket& watched,
      std::function<void(ConnectionEvent)> on_event);

  ~SocketMonitor();
  SocketMonitor(const SocketMonitor&) = delete;
  SocketMonitor& operator=(const SocketMonitor&) = delete;

 private:
  SocketMonitor(EventLoop& loop, ZmqSocket& watched, ZmqSocket events,
                std::function<void(ConnectionEvent)> on_event);
  void Receive();

  EventLoop& loop_;
  ZmqSocket& watched_;
  ZmqSocket events_;
  const std::function<void(ConnectionEvent)> on_event_;
  // Shared with tasks that were posted and may outlive this.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace remuda

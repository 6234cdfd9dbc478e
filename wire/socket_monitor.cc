#include "wire/socket_monitor.h"

#include <zmq.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"

namespace remuda {
namespace {

// A monitor's address is a name within the process.
std::string NextAddress() {
  static std::atomic<uint64_t> next = 1;
  return "inproc://monitor-" + std::to_string(next.fetch_add(1));
}

constexpr int kWatchedEvents =
    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
    ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_ACCEPT_FAILED;

std::optional<ConnectionEvent> Meaning(uint16_t event, uint32_t value) {
  switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return ConnectionEvent::kConnected;
    case ZMQ_EVENT_DISCONNECTED:
      return ConnectionEvent::kDisconnected;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return ConnectionEvent::kKeyDenied;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      return value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
                 ? ConnectionEvent::kOtherMechanism
                 : ConnectionEvent::kProtocolError;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      return ConnectionEvent::kHandshakeFailed;
    case ZMQ_EVENT_ACCEPT_FAILED:
      return ConnectionEvent::kAcceptFailed;
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketMonitor>> SocketMonitor::Start(
    WireContext& context, EventLoop& loop, ZmqSocket& watched,
    std::function<void(ConnectionEvent)> on_event) {
  auto events = ZmqSocket::Open(context, ZmqSocket::Type::kPair);
  if (!events.ok()) return events.status();
  events->Set(ZMQ_LINGER, 0);
  const std::string address = NextAddress();
  if (zmq_socket_monitor(watched.handle(), address.c_str(), kWatchedEvents) !=
      0) {
    return absl::ResourceExhaustedError("cannot watch a ZeroMQ socket");
  }
  CHECK(zmq_connect(events->handle(), address.c_str()) == 0);
  std::unique_ptr<SocketMonitor> monitor(new SocketMonitor(
      loop, watched, *std::move(events), std::move(on_event)));
  return monitor;
}

SocketMonitor::SocketMonitor(EventLoop& loop, ZmqSocket& watched,
                             ZmqSocket events,
                             std::function<void(ConnectionEvent)> on_event)
    : loop_(loop),
      watched_(watched),
      events_(std::move(events)),
      on_event_(std::move(on_event)) {
  loop_.WatchReadable(events_.fd(), [this] { Receive(); });
  // Nothing shows on the descriptor before the first look at the pipe; what
  // that look finds already there must be seen to.
  loop_.Post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) Receive();
  });
}

SocketMonitor::~SocketMonitor() {
  loop_.Unwatch(events_.fd());
  zmq_socket_monitor(watched_.handle(), nullptr, 0);
}

// Events are rare and come from our own threads, so all of them are read.
void SocketMonitor::Receive() {
  while ((events_.Events() & ZMQ_POLLIN) != 0) {
    uint16_t event = 0;
    uint32_t value = 0;
    bool first = true;
    int more = 1;
    while (more != 0) {
      zmq_msg_t part;
      zmq_msg_init(&part);
      if (zmq_msg_recv(&part, events_.handle(), ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&part);
        break;
      }
      if (first && zmq_msg_size(&part) >= sizeof(event) + sizeof(value)) {
        const char* bytes = static_cast<const char*>(zmq_msg_data(&part));
        std::memcpy(&event, bytes, sizeof(event));
        std::memcpy(&value, bytes + sizeof(event), sizeof(value));
      }
      first = false;
      more = zmq_msg_more(&part);
      zmq_msg_close(&part);
    }
    if (const auto meaning = Meaning(event, value)) on_event_(*meaning);
  }
}

}  // namespace remuda

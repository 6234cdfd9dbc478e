#include "wire/router_socket.h"

#include <zmq.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "wire/socket_monitor.h"
#include "wire/zmq_socket.h"

namespace remuda {
namespace {

constexpr int kFramesQueuedPerPeer = 256;
constexpr int kBacklog = 4096;

std::string_view View(zmq_msg_t& part) {
  return {static_cast<const char*>(zmq_msg_data(&part)), zmq_msg_size(&part)};
}

// One part of a message, closed at the end of its scope.
class Part {
 public:
  Part() { zmq_msg_init(&part_); }
  ~Part() { zmq_msg_close(&part_); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  // 0 or the errno.
  int Receive(void* socket) {
    while (zmq_msg_recv(&part_, socket, ZMQ_DONTWAIT) < 0) {
      const int error = zmq_errno();
      if (error != EINTR) return error;
    }
    return 0;
  }
  bool more() { return zmq_msg_more(&part_) != 0; }
  std::string_view view() { return View(part_); }

  // What the handler of keys said of the connection that this came over.
  std::string_view user() {
    const char* id = zmq_msg_gets(&part_, "User-Id");
    return id == nullptr ? std::string_view() : id;
  }
  int connection() { return zmq_msg_get(&part_, ZMQ_SRCFD); }

 private:
  zmq_msg_t part_;
};

}  // namespace

class RouterSocket::Impl {
 public:
  Impl(const RouterOptions& options, ZmqSocket socket, EventLoop& loop,
       OnFrame on_frame)
      : frame_bytes_max_(options.frame_bytes_max),
        authenticator_(options.keys.has_value() ? &options.keys->authenticator
                                                : nullptr),
        loop_(loop),
        on_frame_(std::move(on_frame)),
        socket_(std::move(socket)),
        peers_(options.peers_max) {}

  ~Impl() { loop_.Unwatch(socket_.fd()); }

  // Watches first, so that no connection is missed.
  absl::Status Start(WireContext& context, const std::string& endpoint) {
    auto monitor =
        SocketMonitor::Start(context, loop_, socket_,
                             [this](ConnectionEvent event) { Count(event); });
    if (!monitor.ok()) return monitor.status();
    monitor_ = *std::move(monitor);
    if (absl::Status bound = socket_.Bind(endpoint); !bound.ok()) return bound;
    endpoint_ = socket_.LastEndpoint();
    loop_.WatchReadable(socket_.fd(), [this] { Receive(); });
    ScheduleIfReadable();
    return absl::OkStatus();
  }

  absl::Status Send(WirePeer peer, std::string_view frame) {
    loop_.CheckOnThread();
    if (frame.size() > frame_bytes_max_) {
      return absl::InvalidArgumentError("frame of " +
                                        std::to_string(frame.size()) +
                                        " bytes is too long to send");
    }
    const PeerTable::Peer* known = peers_.Get(peer);
    if (known == nullptr) return Gone();
    // Only the first part's success says anything; the second follows it.
    int error = socket_.Send(known->routing_id, true);
    if (error == 0) error = socket_.Send(frame, false);
    ScheduleIfReadable();
    if (error == EAGAIN) {
      ++counters_.send_blocked;
      return absl::UnavailableError("the peer does not read");
    }
    if (error != 0) {
      peers_.Forget(peer);
      return Gone();
    }
    ++counters_.frames_sent;
    counters_.bytes_sent += frame.size();
    return absl::OkStatus();
  }

  const std::string& endpoint() const { return endpoint_; }

  bool drained() const { return !scheduled_; }

  bool has_keys() const { return authenticator_ != nullptr; }

  std::shared_ptr<const AllowEntry> EntryOf(WirePeer peer) const {
    const PeerTable::Peer* known = peers_.Get(peer);
    return known == nullptr ? nullptr : known->entry;
  }

  bool IsConnected(WirePeer peer) const {
    const PeerTable::Peer* known = peers_.Get(peer);
    return known != nullptr && known->connection.IsOpen();
  }

  std::vector<WirePeer> CutChanged() {
    loop_.CheckOnThread();
    std::vector<WirePeer> changed;
    if (!has_keys()) return changed;
    for (const PeerTable::Peer& peer : peers_.all()) {
      const auto now = authenticator_->Find(peer.entry->key);
      if (now == nullptr || *now != *peer.entry) {
        changed.push_back(peer.number);
        peer.connection.Cut();
      }
    }
    for (const WirePeer peer : changed) peers_.Forget(peer);
    counters_.cut += changed.size();
    return changed;
  }

  Counters counters() const {
    Counters counters = counters_;
    counters.peers = peers_.size();
    return counters;
  }

 private:
  absl::Status Gone() {
    ++counters_.unroutable;
    return absl::NotFoundError("the peer has gone");
  }

  void Count(ConnectionEvent event) {
    switch (event) {
      case ConnectionEvent::kConnected:
        ++counters_.connections;
        break;
      case ConnectionEvent::kDisconnected:
        // Also said of connections that never got through their handshake.
        if (counters_.connections > 0) --counters_.connections;
        break;
      case ConnectionEvent::kKeyDenied:
        ++counters_.handshakes_failed.auth;
        break;
      case ConnectionEvent::kOtherMechanism:
      case ConnectionEvent::kProtocolError:
        ++counters_.handshakes_failed.protocol;
        break;
      case ConnectionEvent::kHandshakeFailed:
        ++counters_.handshakes_failed.other;
        break;
      case ConnectionEvent::kAcceptFailed:
        ++counters_.accepts_failed;
        break;
    }
  }

  // Any call on the socket may have eaten the sign on its descriptor that
  // there is something to read. Then this loop must see to it itself.
  void ScheduleIfReadable() {
    if (scheduled_ || (socket_.Events() & ZMQ_POLLIN) == 0) return;
    scheduled_ = true;
    loop_.Post([this, alive = std::weak_ptr<bool>(alive_)] {
      if (alive.expired()) return;
      scheduled_ = false;
      Receive();
    });
  }

  void Receive() {
    for (size_t i = 0; i < kFramesPerTurn; ++i) {
      if (!ReceiveOne()) return;
    }
    ScheduleIfReadable();
  }

  // False if there is nothing more now.
  bool ReceiveOne() {
    Part id;
    if (id.Receive(socket_.handle()) != 0) return false;
    Part payload;
    if (!id.more() || payload.Receive(socket_.handle()) != 0) {
      ++counters_.malformed;
      return true;
    }
    if (payload.more()) {
      bool more = true;
      while (more) {
        Part rest;
        more = rest.Receive(socket_.handle()) == 0 && rest.more();
      }
      ++counters_.malformed;
      return true;
    }
    ++counters_.frames_received;
    counters_.bytes_received += payload.view().size();
    const std::optional<WirePeer> peer = PeerOf(id, payload);
    if (peer.has_value()) on_frame_(*peer, payload.view());
    return true;
  }

  // None if it may not be heard (any more). Asks for the key of every message:
  // another connection may have chosen the routing id of one that ended.
  std::optional<WirePeer> PeerOf(Part& id, Part& payload) {
    const std::string_view user = payload.user();
    PeerTable::Peer* known = peers_.Find(id.view(), user);
    if (known != nullptr) return known->number;
    const PeerConnection connection(payload.connection());
    std::shared_ptr<const AllowEntry> entry;
    if (has_keys()) {
      const absl::StatusOr<PublicKey> key = PublicKey::Parse(user);
      if (key.ok()) entry = authenticator_->Find(*key);
      if (entry == nullptr) {
        ++counters_.denied;
        connection.Cut();
        return std::nullopt;
      }
    }
    return peers_.Add(id.view(), std::move(entry), connection).number;
  }

  const size_t frame_bytes_max_;
  const Authenticator* const authenticator_;  // null without keys
  EventLoop& loop_;
  const OnFrame on_frame_;
  ZmqSocket socket_;
  std::string endpoint_;
  PeerTable peers_;
  Counters counters_;
  bool scheduled_ = false;
  // Shared with tasks that were posted and may outlive this.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<SocketMonitor> monitor_;
};

absl::StatusOr<std::unique_ptr<RouterSocket>> RouterSocket::Bind(
    const RouterOptions& options, WireContext& context, EventLoop& loop,
    OnFrame on_frame) {
  CHECK(options.frame_bytes_max <= kFrameBytesCeiling);
  auto socket = ZmqSocket::Open(context, ZmqSocket::Type::kRouter);
  if (!socket.ok()) return socket.status();
  socket->SetTransportOptions(options.frame_bytes_max);
  socket->Set(ZMQ_ROUTER_MANDATORY, 1);
  socket->Set(ZMQ_ROUTER_HANDOVER, 0);
  socket->Set(ZMQ_SNDHWM, kFramesQueuedPerPeer);
  socket->Set(ZMQ_RCVHWM, kFramesQueuedPerPeer);
  socket->Set(ZMQ_LINGER, 0);
  socket->Set(ZMQ_BACKLOG, kBacklog);
  if (options.keys.has_value()) socket->ServeWithKey(options.keys->secret);
  auto impl = std::make_unique<Impl>(options, *std::move(socket), loop,
                                     std::move(on_frame));
  if (absl::Status started = impl->Start(context, options.endpoint);
      !started.ok()) {
    return started;
  }
  return std::unique_ptr<RouterSocket>(new RouterSocket(std::move(impl)));
}

RouterSocket::RouterSocket(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

RouterSocket::~RouterSocket() = default;

const std::string& RouterSocket::endpoint() const { return impl_->endpoint(); }

absl::Status RouterSocket::Send(WirePeer peer, std::string_view frame) {
  return impl_->Send(peer, frame);
}

Identity RouterSocket::IdentityOf(WirePeer peer) const {
  if (!impl_->has_keys()) return {};
  const std::shared_ptr<const AllowEntry> entry = impl_->EntryOf(peer);
  if (entry == nullptr) return {.role = Role::kAgent, .name = ""};
  return entry->identity;
}

std::shared_ptr<const AllowEntry> RouterSocket::EntryOf(WirePeer peer) const {
  return impl_->EntryOf(peer);
}

bool RouterSocket::IsConnected(WirePeer peer) const {
  return impl_->IsConnected(peer);
}

std::vector<WirePeer> RouterSocket::CutChanged() { return impl_->CutChanged(); }

bool RouterSocket::drained() const { return impl_->drained(); }

RouterSocket::Counters RouterSocket::counters() const {
  return impl_->counters();
}

}  // namespace remuda

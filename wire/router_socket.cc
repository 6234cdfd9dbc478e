#include "wire/router_socket.h"

#include <zmq.h>

#include <cerrno>
#include <list>
#include <unordered_map>
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

 private:
  zmq_msg_t part_;
};

// Routing ids, which ZeroMQ may use again, to numbers that are not.
//
// Thread: confined to its owner.
class PeerTable {
 public:
  explicit PeerTable(size_t peers_max) : peers_max_(peers_max) {
    CHECK(peers_max > 0);
  }

  // The number of whoever just spoke.
  WirePeer Heard(std::string_view routing_id) {
    std::string id(routing_id);
    const auto found = by_id_.find(id);
    if (found != by_id_.end()) {
      latest_first_.splice(latest_first_.begin(), latest_first_, found->second);
      return found->second->peer;
    }
    if (by_id_.size() == peers_max_) Forget(latest_first_.back().peer);
    const WirePeer peer{++last_number_};
    latest_first_.push_front({.peer = peer, .routing_id = id});
    by_id_.emplace(std::move(id), latest_first_.begin());
    by_peer_.emplace(peer.value, latest_first_.begin());
    return peer;
  }

  // Null for one that is not known (any more).
  const std::string* RoutingId(WirePeer peer) const {
    const auto found = by_peer_.find(peer.value);
    return found == by_peer_.end() ? nullptr : &found->second->routing_id;
  }

  void Forget(WirePeer peer) {
    const auto found = by_peer_.find(peer.value);
    if (found == by_peer_.end()) return;
    by_id_.erase(found->second->routing_id);
    latest_first_.erase(found->second);
    by_peer_.erase(found);
  }

  size_t size() const { return by_id_.size(); }

 private:
  struct Entry {
    WirePeer peer;
    std::string routing_id;
  };
  using Entries = std::list<Entry>;

  const size_t peers_max_;
  uint64_t last_number_ = 0;
  Entries latest_first_;
  std::unordered_map<std::string, Entries::iterator> by_id_;
  std::unordered_map<uint64_t, Entries::iterator> by_peer_;
};

}  // namespace

class RouterSocket::Impl {
 public:
  Impl(const RouterOptions& options, ZmqSocket socket, EventLoop& loop,
       OnFrame on_frame)
      : frame_bytes_max_(options.frame_bytes_max),
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
    const std::string* id = peers_.RoutingId(peer);
    if (id == nullptr) return Gone();
    // Only the first part's success says anything; the second follows it.
    int error = socket_.Send(*id, true);
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
      case ConnectionEvent::kHandshakeFailed:
        ++counters_.handshakes_failed;
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
    on_frame_(peers_.Heard(id.view()), payload.view());
    return true;
  }

  const size_t frame_bytes_max_;
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

Identity RouterSocket::IdentityOf(WirePeer) const {
  // No address that asks for keys can be bound yet.
  return {};
}

bool RouterSocket::drained() const { return impl_->drained(); }

RouterSocket::Counters RouterSocket::counters() const {
  return impl_->counters();
}

}  // namespace remuda

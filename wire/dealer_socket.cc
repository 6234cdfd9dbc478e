#include "wire/dealer_socket.h"

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>

#include "base/check.h"
#include "wire/socket_monitor.h"
#include "wire/zmq_socket.h"

namespace remuda {
namespace {

constexpr int kSendFramesMax = 1000;
constexpr int kReceiveFramesMax = 256;
// For a Goodbye on the way out of the process.
constexpr int kLingerMs = 2'000;

int Milliseconds(Duration duration) {
  return static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// After being turned away libzmq does not try again by itself. The first wait
// is short, as a coordinator may just be reading its entries; it is drawn from
// up to twice as long, so that a fleet does not come back in step.
constexpr Duration kTurnedAwayFirst = std::chrono::milliseconds(250);
constexpr Duration kTurnedAwayMax = std::chrono::seconds(15);

}  // namespace

const char* ReasonOf(TurnedAway turned_away) {
  switch (turned_away) {
    case TurnedAway::kKeyDenied:
      return "the key is not admitted: the coordinator has no entry for it in "
             "its folder allowed/, or has not read it yet";
    case TurnedAway::kKeyMissing:
      return "it asks for a key: give one with --key FILE or REMUDA_KEY";
    case TurnedAway::kKeyNotAskedFor:
      return "it has no keys of its own, so that it cannot prove who it is: "
             "leave --key and REMUDA_KEY out, or start it with --keys DIR";
    case TurnedAway::kProtocol:
      return "whoever listens there does not speak as a coordinator";
  }
  return "unknown";
}

ReconnectDelays ReconnectDelays::For(const std::string& endpoint) {
  using std::chrono::milliseconds;
  if (!IsLocalEndpoint(endpoint)) return {};
  return {.first_min = milliseconds(20),
          .first_max = milliseconds(50),
          .max = milliseconds(1000)};
}

class DealerSocket::Impl {
 public:
  Impl(const DealerOptions& options, Duration turned_away_first,
       ZmqSocket socket, EventLoop& loop, Callbacks callbacks)
      : options_(options),
        turned_away_first_(turned_away_first),
        turned_away_wait_(turned_away_first),
        loop_(loop),
        callbacks_(std::move(callbacks)),
        socket_(std::move(socket)) {}

  ~Impl() {
    loop_.CancelTimer(again_);
    loop_.Unwatch(socket_.fd());
  }

  absl::Status Start(WireContext& context) {
    auto monitor = SocketMonitor::Start(
        context, loop_, socket_, [this](ConnectionEvent event) { On(event); });
    if (!monitor.ok()) return monitor.status();
    monitor_ = *std::move(monitor);
    loop_.WatchReadable(socket_.fd(), [this] { Turn(); });
    return socket_.Connect(options_.endpoint);
  }

  bool connected() const { return connected_; }

  absl::Status Send(std::string_view frame) {
    loop_.CheckOnThread();
    if (frame.size() > options_.frame_bytes_max) {
      return absl::InvalidArgumentError("frame of " +
                                        std::to_string(frame.size()) +
                                        " bytes is too long to send");
    }
    if (!connected_) return absl::UnavailableError("not connected");
    if (queue_.empty()) {
      const int error = socket_.Send(frame, false);
      ScheduleIfReady();
      if (error == 0) {
        CountSent(frame.size());
        return absl::OkStatus();
      }
      // The connection may have gone although nobody told us yet; its end
      // empties the queue.
    }
    if (queue_.size() >= options_.queued_frames_max ||
        queued_bytes_ + frame.size() > options_.queued_bytes_max) {
      return absl::ResourceExhaustedError("the coordinator does not read");
    }
    ++counters_.send_blocked;
    queued_bytes_ += frame.size();
    queue_.emplace_back(frame);
    ScheduleIfReady();
    return absl::OkStatus();
  }

  Counters counters() const {
    Counters counters = counters_;
    counters.queued_frames = queue_.size();
    return counters;
  }

 private:
  void CountSent(size_t bytes) {
    ++counters_.frames_sent;
    counters_.bytes_sent += bytes;
  }

  void On(ConnectionEvent event) {
    if (event == ConnectionEvent::kConnected) {
      // Two connects without an end between them: the end was not told.
      if (connected_) Disconnected();
      connected_ = true;
      turned_away_wait_ = turned_away_first_;
      ++counters_.connects;
      if (callbacks_.on_connected) callbacks_.on_connected();
    } else if (event == ConnectionEvent::kDisconnected && connected_) {
      Disconnected();
    } else {
      OnFailure(event);
    }
  }

  void OnFailure(ConnectionEvent event) {
    switch (event) {
      case ConnectionEvent::kKeyDenied:
        ++counters_.handshakes_failed.auth;
        BeTurnedAway(TurnedAway::kKeyDenied);
        return;
      case ConnectionEvent::kOtherMechanism:
        ++counters_.handshakes_failed.protocol;
        BeTurnedAway(options_.key.has_value() ? TurnedAway::kKeyNotAskedFor
                                              : TurnedAway::kKeyMissing);
        return;
      case ConnectionEvent::kProtocolError:
        ++counters_.handshakes_failed.protocol;
        BeTurnedAway(TurnedAway::kProtocol);
        return;
      case ConnectionEvent::kHandshakeFailed:
        ++counters_.handshakes_failed.other;
        return;
      case ConnectionEvent::kConnected:
      case ConnectionEvent::kDisconnected:
      case ConnectionEvent::kAcceptFailed:
        return;
    }
  }

  void BeTurnedAway(TurnedAway reason) {
    loop_.CancelTimer(again_);
    again_ = loop_.RunAfter(turned_away_wait_, [this] {
      socket_.Disconnect(options_.endpoint);
      // The address was good before.
      (void)socket_.Connect(options_.endpoint);
      ScheduleIfReady();
    });
    turned_away_wait_ = std::min(2 * turned_away_wait_, kTurnedAwayMax);
    if (callbacks_.on_turned_away) callbacks_.on_turned_away(reason);
  }

  void Disconnected() {
    connected_ = false;
    queue_.clear();
    queued_bytes_ = 0;
    if (callbacks_.on_disconnected) callbacks_.on_disconnected();
  }

  // Any call on the socket may have eaten the sign on its descriptor that
  // there is something to do. Then this loop must see to it itself.
  void ScheduleIfReady() {
    if (scheduled_) return;
    const int events = socket_.Events();
    if ((events & ZMQ_POLLIN) == 0 &&
        (queue_.empty() || (events & ZMQ_POLLOUT) == 0)) {
      return;
    }
    scheduled_ = true;
    loop_.Post([this, alive = std::weak_ptr<bool>(alive_)] {
      if (alive.expired()) return;
      scheduled_ = false;
      Turn();
    });
  }

  void Turn() {
    Flush();
    for (size_t i = 0; i < kFramesPerTurn && ReceiveOne(); ++i) {
    }
    ScheduleIfReady();
  }

  void Flush() {
    while (!queue_.empty() && socket_.Send(queue_.front(), false) == 0) {
      CountSent(queue_.front().size());
      queued_bytes_ -= queue_.front().size();
      queue_.pop_front();
    }
  }

  // False if there is nothing more now.
  bool ReceiveOne() {
    bool more = false;
    bool single = true;
    do {
      zmq_msg_t part;
      zmq_msg_init(&part);
      const int size = zmq_msg_recv(&part, socket_.handle(), ZMQ_DONTWAIT);
      if (size < 0) {
        const int error = zmq_errno();
        zmq_msg_close(&part);
        if (error == EINTR) continue;
        return false;
      }
      more = zmq_msg_more(&part) != 0;
      if (single && !more) {
        ++counters_.frames_received;
        counters_.bytes_received += static_cast<size_t>(size);
        callbacks_.on_frame({static_cast<const char*>(zmq_msg_data(&part)),
                             static_cast<size_t>(size)});
      } else if (single) {
        ++counters_.malformed;
        single = false;
      }
      zmq_msg_close(&part);
    } while (more);
    return true;
  }

  const DealerOptions options_;
  const Duration turned_away_first_;
  Duration turned_away_wait_;
  EventLoop& loop_;
  const Callbacks callbacks_;
  ZmqSocket socket_;
  bool connected_ = false;
  bool scheduled_ = false;
  TimerId again_{};
  std::deque<std::string> queue_;
  size_t queued_bytes_ = 0;
  Counters counters_;
  // Shared with tasks that were posted and may outlive this.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<SocketMonitor> monitor_;
};

absl::StatusOr<std::unique_ptr<DealerSocket>> DealerSocket::Connect(
    const DealerOptions& options, WireContext& context, EventLoop& loop,
    Random& random, Callbacks callbacks) {
  CHECK(options.frame_bytes_max <= kFrameBytesCeiling);
  const ReconnectDelays& delays = options.reconnect;
  CHECK(delays.first_min > Duration::zero() &&
        delays.first_min <= delays.first_max);
  auto socket = ZmqSocket::Open(context, ZmqSocket::Type::kDealer);
  if (!socket.ok()) return socket.status();
  socket->SetTransportOptions(options.frame_bytes_max);
  socket->Set(ZMQ_IMMEDIATE, 1);
  socket->Set(ZMQ_SNDHWM, kSendFramesMax);
  socket->Set(ZMQ_RCVHWM, kReceiveFramesMax);
  socket->Set(ZMQ_LINGER, kLingerMs);
  if (options.key.has_value()) socket->ConnectWithKey(*options.key);
  const int first_min = std::max(1, Milliseconds(delays.first_min));
  const int spread = std::max(0, Milliseconds(delays.first_max) - first_min);
  socket->Set(ZMQ_RECONNECT_IVL,
              first_min + static_cast<int>(
                              random.Below(static_cast<uint64_t>(spread) + 1)));
  socket->Set(ZMQ_RECONNECT_IVL_MAX, Milliseconds(delays.max));
  const auto more = static_cast<uint64_t>(kTurnedAwayFirst.count());
  const Duration turned_away_first =
      kTurnedAwayFirst +
      Duration(static_cast<Duration::rep>(random.Below(more + 1)));
  auto impl =
      std::make_unique<Impl>(options, turned_away_first, *std::move(socket),
                             loop, std::move(callbacks));
  if (absl::Status started = impl->Start(context); !started.ok()) {
    return started;
  }
  return std::unique_ptr<DealerSocket>(new DealerSocket(std::move(impl)));
}

DealerSocket::DealerSocket(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

DealerSocket::~DealerSocket() = default;

bool DealerSocket::connected() const { return impl_->connected(); }

absl::Status DealerSocket::Send(std::string_view frame) {
  return impl_->Send(frame);
}

DealerSocket::Counters DealerSocket::counters() const {
  return impl_->counters();
}

}  // namespace remuda

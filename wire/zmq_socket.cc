#include "wire/zmq_socket.h"

#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace remuda {
namespace {

constexpr int kHandshakeMs = 5'000;
constexpr int kHeartbeatIntervalMs = 2'000;
constexpr int kHeartbeatTimeoutMs = 6'000;
constexpr int kConnectTimeoutMs = 5'000;
constexpr int kUnsentTcpMs = 10'000;

// ZMQ_ZAP_ENFORCE_DOMAIN, whose name stands behind the switch for drafts in
// 4.3.4 although the option works. Without it a socket whose handler is gone
// admits everybody.
constexpr int kZapEnforceDomain = 93;
constexpr char kZapDomain[] = "remuda";

// libzmq would take 99999 for 34463.
bool HasGoodPort(const std::string& endpoint) {
  const std::string port = endpoint.substr(endpoint.rfind(':') + 1);
  if (port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos) {
    return port == "*";
  }
  return std::stoi(port) <= 65'535;
}

// libzmq takes a name after "tcp://" in a bind for a network interface.
std::string WithNumericHost(const std::string& endpoint) {
  constexpr std::string_view kLocalhost = "tcp://localhost:";
  if (!endpoint.starts_with(kLocalhost)) return endpoint;
  return "tcp://127.0.0.1:" + endpoint.substr(kLocalhost.size());
}

absl::Status AddressError(const std::string& what,
                          const std::string& endpoint) {
  const int error = zmq_errno();
  const std::string text =
      "cannot " + what + " \"" + endpoint + "\": " + zmq_strerror(error);
  if (error == EADDRINUSE) return absl::AlreadyExistsError(text);
  return absl::InvalidArgumentError(text);
}

}  // namespace

absl::StatusOr<ZmqSocket> ZmqSocket::Open(WireContext& context, Type type) {
  static constexpr std::array<int, 5> kTypes = {ZMQ_ROUTER, ZMQ_DEALER,
                                                ZMQ_PAIR, ZMQ_REQ, ZMQ_REP};
  void* handle =
      zmq_socket(context.handle(), kTypes[static_cast<size_t>(type)]);
  if (handle == nullptr) {
    return absl::ResourceExhaustedError(
        std::string("cannot open a ZeroMQ socket: ") +
        zmq_strerror(zmq_errno()));
  }
  return ZmqSocket(handle);
}

ZmqSocket::ZmqSocket(ZmqSocket&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      has_key_(other.has_key_) {}

ZmqSocket& ZmqSocket::operator=(ZmqSocket&& other) noexcept {
  if (this != &other) {
    Close();
    handle_ = std::exchange(other.handle_, nullptr);
    has_key_ = other.has_key_;
  }
  return *this;
}

ZmqSocket::~ZmqSocket() { Close(); }

void ZmqSocket::Close() {
  if (handle_ != nullptr) CHECK(zmq_close(handle_) == 0);
  handle_ = nullptr;
}

void ZmqSocket::Set(int option, int value) {
  CHECK(zmq_setsockopt(handle_, option, &value, sizeof(value)) == 0);
}

void ZmqSocket::SetFrameBytesMax(size_t bytes) {
  const auto value = static_cast<int64_t>(bytes);
  CHECK(zmq_setsockopt(handle_, ZMQ_MAXMSGSIZE, &value, sizeof(value)) == 0);
}

void ZmqSocket::SetTransportOptions(size_t frame_bytes_max) {
  SetFrameBytesMax(frame_bytes_max);
  Set(ZMQ_HANDSHAKE_IVL, kHandshakeMs);
  Set(ZMQ_HEARTBEAT_IVL, kHeartbeatIntervalMs);
  Set(ZMQ_HEARTBEAT_TIMEOUT, kHeartbeatTimeoutMs);
  Set(ZMQ_HEARTBEAT_TTL, kHeartbeatTimeoutMs);
  Set(ZMQ_TCP_KEEPALIVE, 1);
  Set(ZMQ_TCP_KEEPALIVE_IDLE, 30);
  Set(ZMQ_TCP_KEEPALIVE_INTVL, 10);
  Set(ZMQ_TCP_KEEPALIVE_CNT, 3);
  Set(ZMQ_TCP_MAXRT, kUnsentTcpMs);
  Set(ZMQ_CONNECT_TIMEOUT, kConnectTimeoutMs);
}

void ZmqSocket::SetText(int option, const std::string& text) {
  CHECK(zmq_setsockopt(handle_, option, text.data(), text.size()) == 0);
}

void ZmqSocket::ServeWithKey(const SecretKey& secret) {
  Set(ZMQ_CURVE_SERVER, 1);
  SetText(ZMQ_CURVE_SECRETKEY, secret.reveal());
  SetText(ZMQ_ZAP_DOMAIN, kZapDomain);
  Set(kZapEnforceDomain, 1);
  has_key_ = true;
}

void ZmqSocket::ConnectWithKey(const PeerKey& key) {
  SetText(ZMQ_CURVE_SERVERKEY, key.server.text());
  SetText(ZMQ_CURVE_PUBLICKEY, key.pair.public_key.text());
  SetText(ZMQ_CURVE_SECRETKEY, key.pair.secret_key.reveal());
  has_key_ = true;
}

absl::Status ZmqSocket::CheckReach(const std::string& endpoint) const {
  if (endpoint.starts_with("tcp://") && !HasGoodPort(endpoint)) {
    return absl::InvalidArgumentError("\"" + endpoint +
                                      "\" does not end in a port");
  }
  if (IsLocalEndpoint(endpoint)) return absl::OkStatus();
  if (!endpoint.starts_with("tcp://")) {
    return absl::InvalidArgumentError(
        "\"" + endpoint +
        "\" is no address; write tcp://HOST:PORT or ipc://PATH");
  }
  if (has_key_) return absl::OkStatus();
  return absl::FailedPreconditionError(KeysNeededFor(endpoint));
}

absl::Status ZmqSocket::Bind(const std::string& endpoint) {
  if (absl::Status good = CheckReach(endpoint); !good.ok()) return good;
  Set(ZMQ_IPV6, endpoint.find('[') != std::string::npos ? 1 : 0);
  if (zmq_bind(handle_, WithNumericHost(endpoint).c_str()) != 0) {
    return AddressError("listen on", endpoint);
  }
  return absl::OkStatus();
}

absl::Status ZmqSocket::Connect(const std::string& endpoint) {
  if (absl::Status good = CheckReach(endpoint); !good.ok()) return good;
  Set(ZMQ_IPV6, endpoint.find('[') != std::string::npos ? 1 : 0);
  if (zmq_connect(handle_, WithNumericHost(endpoint).c_str()) != 0) {
    return AddressError("connect to", endpoint);
  }
  return absl::OkStatus();
}

void ZmqSocket::Disconnect(const std::string& endpoint) {
  // Whether there was anything left of it makes no difference.
  (void)zmq_disconnect(handle_, WithNumericHost(endpoint).c_str());
}

std::string ZmqSocket::LastEndpoint() const {
  std::array<char, 512> text{};
  size_t size = text.size();
  CHECK(zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, text.data(), &size) == 0);
  return std::string(text.data());
}

int ZmqSocket::fd() const {
  int value = -1;
  size_t size = sizeof(value);
  CHECK(zmq_getsockopt(handle_, ZMQ_FD, &value, &size) == 0);
  return value;
}

int ZmqSocket::Events() const {
  int value = 0;
  size_t size = sizeof(value);
  while (zmq_getsockopt(handle_, ZMQ_EVENTS, &value, &size) != 0) {
    CHECK(zmq_errno() == EINTR);
  }
  return value;
}

int ZmqSocket::Send(std::string_view bytes, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  while (zmq_send(handle_, bytes.data(), bytes.size(), flags) < 0) {
    const int error = zmq_errno();
    if (error != EINTR) return error;
  }
  return 0;
}

}  // namespace remuda

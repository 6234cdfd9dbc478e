#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/curve_key.h"
#include "wire/key_files.h"
#include "wire/wire_context.h"

namespace remuda {

// Owns a ZeroMQ socket and wraps the calls that Router, Dealer, monitor and
// client share. It knows nothing of frames or peers.
//
// Thread: confined to its owner.
class ZmqSocket {
 public:
  enum class Type { kRouter, kDealer, kPair, kRequest, kReply };

  // Errors: ResourceExhausted if there are no more sockets or descriptors.
  static absl::StatusOr<ZmqSocket> Open(WireContext& context, Type type);

  ZmqSocket(ZmqSocket&& other) noexcept;
  ZmqSocket& operator=(ZmqSocket&& other) noexcept;
  ~ZmqSocket();

  // An option that holds an int; one that libzmq refuses is a programmer
  // error. Before Bind() or Connect() only.
  void Set(int option, int value);
  void SetFrameBytesMax(size_t bytes);

  // What both ends of a connection between processes have in common.
  void SetTransportOptions(size_t frame_bytes_max);

  // Makes this the end that has `secret` and admits whom the handler at
  // inproc://zeromq.zap.01 lets in (wire/authenticator.h); while there is no
  // handler, nobody. Before Bind().
  void ServeWithKey(const SecretKey& secret);
  // Makes this the end that proves who it is. Before Connect().
  void ConnectWithKey(const PeerKey& key);

  // Errors: FailedPrecondition for an address off this machine without keys;
  // AlreadyExists if it is taken; InvalidArgument if it is none.
  absl::Status Bind(const std::string& endpoint);
  absl::Status Connect(const std::string& endpoint);
  // Forgets what became of Connect(), so that it may be tried again.
  void Disconnect(const std::string& endpoint);

  // The address with the port that was chosen.
  std::string LastEndpoint() const;

  // Edge-triggered in effect: after any other call look at Events() before
  // waiting for it.
  int fd() const;

  // ZMQ_POLLIN | ZMQ_POLLOUT, as far as they hold now.
  int Events() const;

  // Never blocks. Returns 0 or the errno.
  int Send(std::string_view bytes, bool more);

  void* handle() const { return handle_; }

 private:
  explicit ZmqSocket(void* handle) : handle_(handle) {}
  void Close();
  void SetText(int option, const std::string& text);
  absl::Status CheckReach(const std::string& endpoint) const;

  void* handle_;
  bool has_key_ = false;
};

}  // namespace remuda

#pragma once

#include <string>

namespace remuda {

// The one ZeroMQ context of a process. What is said over its sockets is theirs.
//
// Thread: any thread may open sockets on it, each of which stays confined.
// Lifetime: main()'s; the first should be made before other threads. All of a
// process stand for the same context, which is never closed: that has its
// dangers in libzmq 4.3.4, and the process ends anyway.
class WireContext {
 public:
  static constexpr int kSocketsMax = 4096;

  WireContext();
  WireContext(const WireContext&) = delete;
  WireContext& operator=(const WireContext&) = delete;

  // For zmq_socket().
  void* handle() const { return handle_; }

 private:
  void* const handle_;
};

// Whether the address can only be reached from this machine: ipc://, inproc://
// or a loopback tcp address written as a number or "localhost".
bool IsLocalEndpoint(const std::string& endpoint);

// What to tell somebody who names another address and no keys.
std::string KeysNeededFor(const std::string& endpoint);

}  // namespace remuda

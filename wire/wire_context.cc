#include "wire/wire_context.h"

#include <signal.h>
#include <zmq.h>

#include <cstdlib>
#include <string_view>

#include "base/check.h"
#include "base/random.h"

namespace remuda {
namespace {

// libzmq's threads inherit the mask of whoever opens the first socket. One
// that is interrupted in 4.3.4 may leave a command unread until the next one,
// so they get no signals at all.
void* MakeContext() {
  // The ids of peers and the waits before reconnects come from rand().
  srand(static_cast<unsigned>(SystemSeed()));
  void* handle = zmq_ctx_new();
  CHECK(handle != nullptr);
  CHECK(zmq_ctx_set(handle, ZMQ_BLOCKY, 0) == 0);
  CHECK(zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, WireContext::kSocketsMax) == 0);

  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
  void* first = zmq_socket(handle, ZMQ_PAIR);
  CHECK(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
  CHECK(first != nullptr);
  CHECK(zmq_close(first) == 0);
  return handle;
}

void* SharedContext() {
  static void* const handle = MakeContext();
  return handle;
}

}  // namespace

WireContext::WireContext() : handle_(SharedContext()) {}

bool IsLocalEndpoint(const std::string& endpoint) {
  const std::string_view text = endpoint;
  if (text.starts_with("ipc://") || text.starts_with("inproc://")) return true;
  constexpr std::string_view kTcp = "tcp://";
  if (!text.starts_with(kTcp)) return false;
  const size_t colon = text.rfind(':');
  if (colon < kTcp.size()) return false;
  const std::string_view host = text.substr(kTcp.size(), colon - kTcp.size());
  if (host == "localhost" || host == "[::1]") return true;
  // 127.a.b.c and nothing that only begins like it.
  if (!host.starts_with("127.")) return false;
  size_t dots = 0;
  for (const char c : host) {
    if (c == '.') {
      ++dots;
    } else if (c < '0' || c > '9') {
      return false;
    }
  }
  return dots == 3;
}

std::string KeysNeededFor(const std::string& endpoint) {
  return "\"" + endpoint +
         "\" is off this machine, which needs keys: make them with `remuda "
         "keygen DIR`, then give the coordinator --keys DIR, and agents and "
         "clients --key DIR/peers/NAME.key";
}

}  // namespace remuda

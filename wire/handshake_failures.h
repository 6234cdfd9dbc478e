#pragma once

#include <cstdint>

namespace remuda {

// Connections that came to nothing, as libzmq tells them apart.
struct HandshakeFailures {
  uint64_t auth = 0;      // a key that is not admitted
  uint64_t protocol = 0;  // not ZeroMQ, no key, or not the other's key
  uint64_t other = 0;     // went away, or was too slow
};

}  // namespace remuda

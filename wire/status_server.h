#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"

namespace remuda {

// Answers GET of /metrics, /livez and /readyz, and nothing else. Changes
// nothing and knows nothing: what it says comes from its callbacks.
//
// Thread: runs one of its own, on which it calls back; Start() and the
// destructor may be called from any thread.
// Lifetime: the destructor ends the thread; until then what the callbacks use
// must exist.
class StatusServer {
 public:
  static constexpr size_t kRequestBytesMax = 8u << 10;
  static constexpr size_t kConnectionsMax = 16;  // more wait to be accepted
  static constexpr Duration kDeadline = std::chrono::seconds(2);

  struct Callbacks {
    std::function<std::string()> metrics;
    // OK, or what is wrong: answered with 200 or 503 and the message.
    std::function<absl::Status()> live;
    std::function<absl::Status()> ready;
  };

  // `address` is HOST:PORT with a numeric host or "localhost"; port 0 chooses
  // one. Errors: AlreadyExists if the port is taken; InvalidArgument if the
  // address is none or not of this machine.
  static absl::StatusOr<std::unique_ptr<StatusServer>> Start(
      const std::string& address, Callbacks callbacks);

  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  // HOST:PORT with the chosen port.
  const std::string& address() const;

 private:
  class Impl;
  explicit StatusServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda

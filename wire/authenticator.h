#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "wire/key_files.h"
#include "wire/wire_context.h"

namespace remuda {

// Answers libzmq's question, at each handshake with a socket that serves with
// a key, whether a public key is admitted (ZeroMQ's RFC 27, "ZAP"). It knows
// keys, not what their holders may do.
//
// libzmq asks one place in a process, so there is one of these at most.
//
// Thread: has its own; methods may be called by any.
// Lifetime: outlives the sockets that serve with a key: without it they turn
// everybody away.
class Authenticator {
 public:
  struct Options {
    AllowList allowed;
    // On its thread, if it can go on no longer. Empty: the process ends with
    // kExitCode, because nobody would be admitted any more.
    std::function<void(const absl::Status&)> on_failure = {};
  };
  static constexpr int kExitCode = 70;  // EX_SOFTWARE of sysexits.h

  // Has answered a question correctly when it returns.
  // Errors: AlreadyExists if there is one; Internal if it does not answer.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Start(
      Options options, WireContext& context, const Clock& clock);

  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // From now on. Connections that exist are not touched: see
  // RouterSocket::CutChanged().
  void SetAllowed(AllowList allowed);

  // The entry of that key, or null.
  std::shared_ptr<const AllowEntry> Find(const PublicKey& key) const;

  size_t entries() const;

  // Of somebody who is on no list, to try the door with. Turned away like
  // anybody else, but not as news for the log.
  const KeyPair& stranger() const;

  struct Counters {
    uint64_t admitted = 0;
    uint64_t denied = 0;
  };
  Counters counters() const;

 private:
  class Impl;
  explicit Authenticator(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda

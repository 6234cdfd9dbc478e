#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "wire/authenticator.h"
#include "wire/door_probe.h"
#include "wire/router_socket.h"
#include "wire/wire_context.h"

namespace remuda {

// The folder of keys of a coordinator: who is admitted, read at the start and
// whenever asked to, and the proof that nobody else is. What those who are
// admitted may do is decided by wire/access.h.
//
// Thread: Reload() by one at a time; numbers() any; the rest its owner's.
// Lifetime: outlives the socket that uses its keys.
class KeyRing {
 public:
  // Errors: InvalidArgument names the file that will not do.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Open(
      const std::string& folder, WireContext& context, const Clock& clock);

  RouterKeys keys() const;

  // Tries the door as a stranger, then goes on doing so now and then.
  // Errors: FailedPrecondition if it is open; Unavailable if that could not
  // be found out.
  absl::Status ProveClosed(const std::string& endpoint);
  void StopProving() { watch_.reset(); }

  // Reads allowed/ again. After an error the list is what it was, as a whole.
  absl::Status Reload();

  struct Numbers {
    uint64_t entries = 0;
    uint64_t reloads = 0;
    uint64_t reloads_failed = 0;
    uint64_t probes = 0;
    uint64_t admissions = 0;
    uint64_t unanswered = 0;
  };
  Numbers numbers() const;

 private:
  KeyRing(std::string folder, KeyPair server,
          std::unique_ptr<Authenticator> authenticator, WireContext& context,
          const Clock& clock);

  const std::string folder_;
  const KeyPair server_;
  const std::unique_ptr<Authenticator> authenticator_;
  WireContext& context_;
  const Clock& clock_;
  std::unique_ptr<DoorWatch> watch_;
  std::atomic<uint64_t> proved_ = 0;  // at the start
  std::atomic<uint64_t> reloads_ = 0;
  std::atomic<uint64_t> reloads_failed_ = 0;
};

}  // namespace remuda

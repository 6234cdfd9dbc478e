#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "coordinator/server/request_door.h"
#include "coordinator/store/store.h"
#include "wire/metrics.h"
#include "wire/wire_context.h"

namespace remuda {

struct CoordinatorOptions {
  // tcp://127.0.0.1:0 chooses a port; ipc://path. Any tcp:// with keys.
  std::string listen = "tcp://127.0.0.1:0";
  std::string http = {};  // address of the metrics and probes; empty: none
  std::string data = {};  // folder of the state
  std::string keys = {};  // folder of the keys; empty: whoever reaches it may
  Duration lease = std::chrono::seconds(30);
  Duration heartbeat_interval = std::chrono::seconds(2);
  Duration suspect_after = std::chrono::seconds(6);
  // See CoreOptions.
  bool agents_die_with_us = false;
  Durability durability = Durability::kFull;
  std::string version = "0.0.0";

  // Called on a thread of the server after the first error of the disk, when
  // nothing can be promised any more. Empty: log and end the process with
  // kStorageExitCode.
  std::function<void(const absl::Status&)> on_store_failure = {};
};

// A coordinator: the core, its store and its doors, on threads of its own.
// Used by `remuda coordinator` and, in the same process as an agent, by the
// embedded default.
//
// Thread: any for Stop() and the getters; Start, Join and destruction belong
// to the owner.
// Lifetime: the context and the clock outlive it. Destruction stops it.
class CoordinatorServer {
 public:
  static constexpr int kStorageExitCode = 74;  // EX_IOERR of sysexits.h

  // Returns when it listens, its state restored.
  // Errors: those of Store, RouterSocket and KeyRing; FailedPrecondition for
  // an address off this machine without keys.
  static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(
      const CoordinatorOptions& options, WireContext& context);

  ~CoordinatorServer();
  CoordinatorServer(const CoordinatorServer&) = delete;
  CoordinatorServer& operator=(const CoordinatorServer&) = delete;

  // With the chosen ports. http_address() is empty if there is none.
  const std::string& endpoint() const;
  const std::string& http_address() const;

  // For requests that do not come over ZeroMQ. It stays until destruction, but
  // answers nothing after Join().
  RequestDoor& door();

  // For the numbers of other doors of this process. Any thread.
  Metrics& metrics();

  // Reads again whom to admit, and cuts off whoever is not any more. An error
  // goes to the log and changes nothing.
  void Reload();

  // Begins to stop: what was decided is still stored, then all doors close.
  void Stop();

  // Waits for the end. Errors: what ended it, if not Stop().
  absl::Status Join();

 private:
  class Impl;
  explicit CoordinatorServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor_entry.h"
#include "base/clock.h"
#include "wire/key_files.h"
#include "wire/wire_context.h"

namespace remuda {

struct AgentOptions {
  std::string version;
  std::string coordinator;     // tcp://host:port or ipc:///path
  std::optional<PeerKey> key;  // needed off this machine
  std::string name;            // for people; by default host name and process
  std::map<std::string, std::string> labels;
  uint64_t memory_bytes = 0;  // that it and its tasks may hold; 0: not known
  std::string data_folder;    // made if missing, 0700; one agent at a time
  // Whether a later process takes over what this one leaves in the folder:
  // neither where that is gone with it, nor where the coordinator is.
  bool has_successors = true;
  // For /metrics, /livez, /readyz; none: no such door. Port 0 chooses one.
  std::optional<std::string> http;
  Duration drain = std::chrono::minutes(10);
  std::vector<ExecutorFactory> executors;
};

// An agent as an object: its control loop on a thread of its own, around an
// AgentSession. Decides nothing and handles no signals; its owner calls
// Drain() or Stop().
//
// Thread: any, for all methods; Join() by one thread.
// Lifetime: borrows the context. Destruction stops and joins.
class AgentServer {
 public:
  // Does not wait for the coordinator: a missing one is no error.
  // Errors: InvalidArgument for options that make no sense;
  //         FailedPrecondition if another agent uses the data folder;
  //         AlreadyExists if the HTTP address is taken; what the executors'
  //         factories say.
  static absl::StatusOr<std::unique_ptr<AgentServer>> Start(
      AgentOptions options, WireContext& context);

  ~AgentServer();
  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;

  // "127.0.0.1:40124", or empty without that door.
  const std::string& http_address() const;

  // Takes no more work, lets what runs end within the drain time, then ends.
  void Drain();

  // Ends now; what runs is stopped and goes back to the coordinator.
  void Stop();

  // Waits for the end. OK after Drain() or Stop(); otherwise the reason, such
  // as a coordinator of another version.
  absl::Status Join();

 private:
  class Impl;
  explicit AgentServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda

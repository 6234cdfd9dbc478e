#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"
#include "wire/key_files.h"
#include "wire/stop_flag.h"
#include "wire/wire_context.h"

namespace remuda {

struct ClientOptions {
  std::string endpoint;        // tcp://host:port or ipc://path
  std::optional<PeerKey> key;  // needed off this machine

  // How long a call waits for its reply over all tries; the coordinator may be
  // starting or restarting meanwhile.
  Duration call_timeout = std::chrono::seconds(15);

  // What got no reply is sent again after this, or at once on a new connection.
  Duration try_timeout = std::chrono::seconds(5);

  // How long a watch waits for a coordinator that has gone away.
  Duration watch_timeout = std::chrono::minutes(2);

  // Interrupts every call when set. Outlives the client; may be null.
  const StopFlag* stop = nullptr;
};

// Asks a coordinator and waits for the answer. Sends the same request again,
// with the same number, until there is a reply or the time is over: everything
// in client_messages.h may be asked twice. Which exit code an error becomes is
// the caller's business.
//
// Errors of all calls: Unavailable if no coordinator answered in time or it is
// busy; Cancelled if the stop flag was set; NotFound, AlreadyExists (the key
// was used for something else), PermissionDenied and InvalidArgument as the
// coordinator said; PermissionDenied also if it does not let this client in,
// at once and without another try; FailedPrecondition if the coordinator is of
// another version.
//
// Thread: confined to its owner; calls block it.
// Lifetime: the context, the clock and the stop flag outlive it.
class Client {
 public:
  // Does not wait for the coordinator: the first call does.
  // Errors: InvalidArgument for an address that is none; FailedPrecondition
  // for one off this machine without a key.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(
      const ClientOptions& options, WireContext& context, const Clock& clock);

  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The coordinator's reply to a request other than WatchJobs. A RequestError
  // comes back as a status.
  absl::StatusOr<ClientReply> Call(const ClientRequest& request);

  // One job of a submission.
  struct JobToSubmit {
    std::string job_json;    // jobs/job_json.h
    std::string item_bytes;  // ItemList::bytes() of a list source, else empty
  };

  // Called while items travel; many times for long lists.
  using UploadProgress = std::function<void(uint64_t bytes, uint64_t total)>;

  // Uploads the lists and submits all jobs at once. With the same key and the
  // same content it may be repeated, after any error too.
  absl::StatusOr<Accepted> SubmitJobs(const std::string& key,
                                      const std::vector<JobToSubmit>& jobs,
                                      const UploadProgress& progress = {});

  // False ends the watch.
  using WatchCallback = std::function<bool(const JobSummaries&)>;

  // Calls back at once and at every change, until all jobs are terminal (OK),
  // the callback says false (OK), or there is an error. Asks again by itself
  // when the connection was lost. The callback must not use this client.
  // Errors: DeadlineExceeded if `deadline` passed first, and see above.
  absl::Status Watch(const std::vector<JobId>& ids,
                     const WatchCallback& callback,
                     MonotonicTime deadline = MonotonicTime::max());

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda

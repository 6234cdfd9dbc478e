#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/embedded.h"
#include "jobs/ids.h"
#include "jobs/item_files.h"
#include "wire/client.h"
#include "wire/client_messages.h"
#include "wire/key_files.h"
#include "wire/wire_context.h"

namespace remuda {

// A command's way to a coordinator: the one that was named, or the embedded
// one. Installs the interrupt, so that Ctrl-C ends any wait.
//
// Thread: one. Lifetime: an embedded coordinator and agent end with it.
class Connection {
 public:
  // Errors: Unavailable if nobody answers, InvalidArgument for an address
  // that will not do, FailedPrecondition if the state cannot be used.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(
      const CommonOptions& options, Embedded::Needs needs);

  // Errors: those of Client; Cancelled after an interrupt.
  absl::StatusOr<ClientReply> Call(const ClientRequest& request);

  absl::StatusOr<Accepted> SubmitJobs(const std::string& key,
                                      const std::vector<ResolvedJob>& jobs);

  // Calls `update` at each change until all jobs are terminal.
  // A guest whose host leaves takes over, so that the jobs go on.
  // Errors: as Call; DeadlineExceeded.
  using Update = std::function<void(const std::vector<JobSummary>&)>;
  absl::Status Watch(const std::vector<JobId>& jobs,
                     std::optional<Duration> timeout, const Update& update);

  // After an interrupt: lets further calls through, so that a command can
  // still cancel what it began.
  absl::Status IgnoreInterrupt();

  // True if this process runs the embedded coordinator, on which other
  // processes may have come to rely.
  bool hosts() const { return embedded_ != nullptr && embedded_->hosts(); }

  // False for an embedded coordinator that was started only to be asked.
  bool has_agent() const {
    return !hosts() || needs_ == Embedded::Needs::kAgent;
  }

  // The reply if it is of the kind that was asked for.
  template <typename Reply>
  absl::StatusOr<Reply> Ask(const ClientRequest& request) {
    absl::StatusOr<ClientReply> reply = Call(request);
    if (!reply.ok()) return reply.status();
    if (auto* wanted = std::get_if<Reply>(&*reply)) return std::move(*wanted);
    return absl::InternalError("the coordinator gave another answer");
  }

 private:
  Connection();
  absl::Status Connect(const StopFlag* stop);
  bool is_guest() const { return embedded_ != nullptr && !embedded_->hosts(); }

  // For a guest: joins whoever hosts the folder now, or hosts it itself if
  // the host has left.
  absl::Status JoinAgain();

  const SystemClock clock_;
  std::string state_folder_;
  Embedded::Needs needs_ = Embedded::Needs::kCoordinator;
  const StopFlag* stop_ = nullptr;
  WireContext context_;
  std::string endpoint_;
  std::optional<PeerKey> key_;
  std::unique_ptr<Embedded> embedded_;
  std::unique_ptr<Client> client_;
};

}  // namespace remuda

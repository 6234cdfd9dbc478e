#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/command.h"
#include "jobs/item_files.h"
#include "wire/client_messages.h"

namespace remuda {

// A way to a coordinator: the one that was named, or the embedded one. Where
// another process of the same user already runs the embedded one, that.
//
// Thread: one. Lifetime: an embedded coordinator and agent end with it.
class Connection {
 public:
  enum class Needs {
    kCoordinator,  // to ask or cancel
    kAgent,        // to get work done too
  };

  // Errors: Unavailable if nobody answers, InvalidArgument for an address
  // that will not do, FailedPrecondition if the state cannot be used.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(
      const CommonOptions& options, Needs needs);

  virtual ~Connection() = default;

  // Errors: what the coordinator answered (NotFound, InvalidArgument,
  // AlreadyExists for a key in conflict, ResourceExhausted if busy), or
  // Unavailable, or Cancelled after Interrupt.
  virtual absl::StatusOr<ClientReply> Call(const ClientRequest& request) = 0;

  // Uploads the items and submits, again and again until it is answered.
  virtual absl::StatusOr<Accepted> SubmitJobs(
      const std::string& key, const std::vector<ResolvedJob>& jobs) = 0;

  // Calls `update` with each change until it returns false or all jobs are
  // terminal. Reconnects by itself. Errors: as Call; DeadlineExceeded.
  using Update = std::function<bool(const std::vector<JobSummary>&)>;
  virtual absl::Status Watch(const std::vector<JobId>& jobs,
                             std::optional<Duration> timeout,
                             const Update& update) = 0;

  // Jobs of others that this process must see through before it may end;
  // always empty for a named coordinator.
  virtual std::vector<JobId> Unfinished() = 0;

  // The reply if it is of the kind that was asked for.
  template <typename Reply>
  absl::StatusOr<Reply> Ask(const ClientRequest& request) {
    absl::StatusOr<ClientReply> reply = Call(request);
    if (!reply.ok()) return reply.status();
    if (auto* wanted = std::get_if<Reply>(&*reply)) return std::move(*wanted);
    return absl::InternalError("the coordinator gave another answer");
  }
};

}  // namespace remuda

// The part of CoordinatorLoop that answers clients.

#include <optional>
#include <utility>
#include <variant>

#include "coordinator/server/coordinator_loop.h"

namespace remuda {
namespace {

RequestError ErrorOf(const absl::Status& status) {
  RequestError error;
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      error.code = RequestError::Code::kNotFound;
      break;
    case absl::StatusCode::kFailedPrecondition:
      error.code = RequestError::Code::kConflict;
      break;
    case absl::StatusCode::kUnavailable:
      error.code = RequestError::Code::kBusy;
      break;
    case absl::StatusCode::kPermissionDenied:
      error.code = RequestError::Code::kForbidden;
      break;
    default:
      error.code = RequestError::Code::kInvalid;
      break;
  }
  error.message = std::string(status.message());
  return error;
}

absl::Status Busy() {
  return absl::UnavailableError(
      "the coordinator has too many requests waiting; try again");
}

}  // namespace

void CoordinatorLoop::OnRequest(Peer peer, uint64_t number,
                                ClientRequest request) {
  std::visit([&](auto& one) { On(peer, number, std::move(one)); }, request);
}

void CoordinatorLoop::ReplyError(Peer peer, uint64_t number,
                                 const absl::Status& status) {
  Reply(peer, number, ErrorOf(status));
}

void CoordinatorLoop::On(Peer peer, uint64_t number, UploadItems request) {
  const absl::StatusOr<uint64_t> bytes = staging_.Add(request, loop_.Now());
  if (!bytes.ok()) {
    ReplyError(peer, number, bytes.status());
  } else {
    Reply(peer, number, UploadAccepted{.bytes = *bytes});
  }
}

void CoordinatorLoop::On(Peer peer, uint64_t number, Submit request) {
  if (store_->full()) {
    ReplyError(peer, number, Busy());
    return;
  }
  StagedLists lists = staging_.Submit(request.key, loop_.Now());
  const bool taken = submissions_->Ask(
      [this, peer, number, request = std::move(request),
       lists = std::move(lists)](StoreReader& reader) -> std::function<void()> {
        absl::StatusOr<std::optional<StoredSubmission>> stored =
            reader.FindSubmission(request.key);
        absl::StatusOr<PreparedSubmission> prepared =
            stored.ok() ? PrepareSubmission(request, lists, *stored)
                        : stored.status();
        return [this, peer, number, key = request.key,
                prepared = std::move(prepared),
                stored = std::move(stored)]() mutable {
          AcceptPrepared(peer, number, key, std::move(prepared),
                         stored.ok() ? *std::move(stored) : std::nullopt);
        };
      });
  if (taken) {
    submitted_at_[{peer, number}] = loop_.Now();
  } else {
    ReplyError(peer, number, Busy());
  }
}

void CoordinatorLoop::AcceptPrepared(
    Peer peer, uint64_t number, const std::string& key,
    absl::StatusOr<PreparedSubmission> prepared,
    std::optional<StoredSubmission> stored) {
  if (!prepared.ok()) {
    metrics_.OnInvalidSubmission();
    ReplyError(peer, number, prepared.status());
    return;
  }
  for (StagedItems& items : prepared->items) {
    pending_items_.push_back(std::move(items));
  }
  core_.OnSubmit(CurrentTime(), peer, number, key, std::move(prepared->jobs),
                 std::move(stored));
  changed_ = true;
}

void CoordinatorLoop::On(Peer peer, uint64_t number, CancelJob request) {
  if (core_.summary(request.job).has_value()) {
    core_.OnCancel(CurrentTime(), peer, number, request, std::nullopt);
    changed_ = true;
    return;
  }
  const bool taken = queries_->Ask(
      [this, peer, number, request = std::move(request)](StoreReader& reader) {
        absl::StatusOr<std::optional<JobSummary>> job =
            reader.FindJob(request.job);
        return [this, peer, number, request, job = std::move(job)] {
          if (!job.ok()) {
            ReplyError(peer, number, job.status());
            return;
          }
          core_.OnCancel(CurrentTime(), peer, number, request, *job);
          changed_ = true;
        };
      });
  if (!taken) ReplyError(peer, number, Busy());
}

template <typename Read>
void CoordinatorLoop::AnswerFromStore(Peer peer, uint64_t number, Read read) {
  const bool taken = queries_->Ask(
      [this, peer, number, read = std::move(read)](StoreReader& reader) {
        auto answer = read(reader);
        return [this, peer, number, answer = std::move(answer)] {
          if (answer.ok()) {
            Reply(peer, number, *answer);
          } else {
            ReplyError(peer, number, answer.status());
          }
        };
      });
  if (!taken) ReplyError(peer, number, Busy());
}

void CoordinatorLoop::On(Peer peer, uint64_t number, GetJobs request) {
  AnswerFromStore(peer, number,
                  [request = std::move(request)](StoreReader& reader) {
                    return reader.Jobs(request);
                  });
}

void CoordinatorLoop::On(Peer peer, uint64_t number, GetResults request) {
  AnswerFromStore(peer, number, [request](StoreReader& reader) {
    return reader.Results(request);
  });
}

void CoordinatorLoop::On(Peer peer, uint64_t number, GetLogs request) {
  AnswerFromStore(peer, number, [request](StoreReader& reader) {
    return reader.Logs(request);
  });
}

void CoordinatorLoop::On(Peer peer, uint64_t number, WatchJobs request) {
  if (request.ids.empty() || request.ids.size() > Watches::kJobsMax) {
    ReplyError(
        peer, number,
        absl::InvalidArgumentError(
            "a watch has 1 to " + std::to_string(Watches::kJobsMax) + " jobs"));
    return;
  }
  GetJobs finished;
  for (const JobId id : request.ids) {
    if (!committed_.contains(id)) finished.ids.push_back(id);
  }
  if (finished.ids.empty()) {
    AddWatch(peer, number, request, {});
    return;
  }
  const bool taken =
      queries_->Ask([this, peer, number, request = std::move(request),
                     finished = std::move(finished)](StoreReader& reader) {
        absl::StatusOr<JobSummaries> jobs = reader.Jobs(finished);
        return [this, peer, number, request, jobs = std::move(jobs)] {
          if (jobs.ok()) {
            AddWatch(peer, number, request, jobs->jobs);
          } else {
            ReplyError(peer, number, jobs.status());
          }
        };
      });
  if (!taken) ReplyError(peer, number, Busy());
}

void CoordinatorLoop::AddWatch(Peer peer, uint64_t number,
                               const WatchJobs& request,
                               std::vector<JobSummary> stored) {
  // What was live when it was asked may have finished since, and the other
  // way round: what is known on the loop is what commits told it. What the
  // reader saw is newer only for a moment.
  std::vector<JobSummary> jobs;
  std::vector<JobId> unknown;
  for (const JobId id : request.ids) {
    const auto live = committed_.find(id);
    const auto read =
        std::find_if(stored.begin(), stored.end(),
                     [&](const JobSummary& job) { return job.id == id; });
    if (read != stored.end() &&
        (live == committed_.end() || IsTerminal(read->state))) {
      jobs.push_back(*read);
    } else if (live != committed_.end()) {
      jobs.push_back(live->second);
    } else {
      unknown.push_back(id);
    }
  }
  if (!unknown.empty()) {
    // Finished between the question and its answer: ask again.
    On(peer, number, WatchJobs(request));
    return;
  }
  const absl::Status status = watches_.Add(peer, number, std::move(jobs));
  if (!status.ok())
    ReplyError(peer, number,
               absl::UnavailableError(std::string(status.message())));
}

void CoordinatorLoop::On(Peer peer, uint64_t number, GetAgents) {
  Reply(peer, number, AgentSummaries{.agents = core_.agents()});
}

void CoordinatorLoop::On(Peer peer, uint64_t number, GetInfo) {
  Reply(
      peer, number,
      Info{.version = options_.version,
           .term = core_.term(),
           .durability =
               options_.durability == Durability::kFull ? "full" : "relaxed"});
}

}  // namespace remuda

// The part of CoordinatorLoop that answers clients.

#include <optional>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "coordinator/server/coordinator_loop.h"
#include "coordinator/server/verdicts.h"

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

absl::Status NoSuchJob(JobId job) {
  return absl::NotFoundError("there is no job " + std::to_string(job.value));
}

// The key of the submission that a request belongs to; null for others.
std::string* KeyOf(ClientRequest& request) {
  if (auto* upload = std::get_if<UploadItems>(&request)) return &upload->key;
  if (auto* submit = std::get_if<Submit>(&request)) return &submit->key;
  return nullptr;
}

absl::Status Busy() {
  return absl::UnavailableError(
      "the coordinator has too many requests waiting; try again");
}

uint64_t BytesOf(const Submit& submit, const StagedLists& lists) {
  uint64_t bytes = 0;
  for (const std::string& job : submit.jobs) bytes += job.size();
  for (const auto& [document, list] : lists) bytes += list->size();
  return bytes;
}

}  // namespace

void CoordinatorLoop::OnRequest(Peer peer, const Identity& identity,
                                uint64_t number, ClientRequest request) {
  if (Denied(peer, identity, number, request)) return;
  const Asker asker = {.peer = peer,
                       .number = number,
                       .permission = MayAsk(identity.role, request),
                       .name = identity.name};
  if (std::string* const key = KeyOf(request)) {
    if (key->empty() || key->size() > ItemStaging::kKeyBytesMax) {
      ReplyError(asker,
                 absl::InvalidArgumentError(
                     "a key has 1 to " +
                     std::to_string(ItemStaging::kKeyBytesMax) + " bytes"));
      return;
    }
    *key = OwnedKey(identity.name, *key);
  }
  std::visit([&](auto& one) { On(asker, std::move(one)); }, request);
}

void CoordinatorLoop::ReplyError(Peer peer, uint64_t number,
                                 const absl::Status& status) {
  Reply(peer, number, ErrorOf(status));
}

void CoordinatorLoop::On(const Asker& asker, UploadItems request) {
  const absl::StatusOr<uint64_t> bytes = staging_.Add(request, loop_.Now());
  if (!bytes.ok()) {
    ReplyError(asker, bytes.status());
  } else {
    Reply(asker, UploadAccepted{.bytes = *bytes});
  }
}

void CoordinatorLoop::On(const Asker& asker, Submit request) {
  if (store_->full()) {
    metrics_.OnSubmissionRefused(Busy());
    ReplyError(asker, Busy());
    return;
  }
  OpenSubmission open = {.since = loop_.Now(), .watcher = {}};
  if (request.watch) open.watcher = asker;
  StagedLists lists = staging_.Submit(request.key, loop_.Now());
  if (const JobToAccept* known = lists.empty() ? SurelyNew(request) : nullptr) {
    open_submissions_[{asker.peer, asker.number}] = std::move(open);
    PreparedSubmission prepared;
    prepared.jobs.push_back(*known);
    return AcceptPrepared(asker, request.key, std::move(prepared),
                          std::nullopt);
  }
  const uint64_t bytes = BytesOf(request, lists);
  const bool taken = submissions_->Ask(
      [this, asker, bytes, request = std::move(request),
       lists = std::move(lists)](StoreReader& reader) -> std::function<void()> {
        absl::StatusOr<std::optional<StoredSubmission>> stored =
            reader.FindSubmission(request.key);
        absl::StatusOr<PreparedSubmission> prepared =
            stored.ok() ? PrepareSubmission(request, lists, *stored, checked_)
                        : stored.status();
        // One that is stored already costs nothing more.
        if (prepared.ok() && !stored->has_value()) {
          const absl::Status room = disk_.CheckRoomFor(bytes);
          if (!room.ok()) prepared = room;
        }
        std::string only_job;
        if (prepared.ok() && prepared->items.empty() &&
            request.jobs.size() == 1 && !stored->has_value()) {
          only_job = request.jobs.front();
        }
        return [this, asker, key = request.key, prepared = std::move(prepared),
                stored = std::move(stored),
                only_job = std::move(only_job)]() mutable {
          if (!only_job.empty()) {
            accepted_before_.Keep(only_job, prepared->jobs.front());
          }
          AcceptPrepared(asker, key, std::move(prepared),
                         stored.ok() ? *std::move(stored) : std::nullopt);
        };
      },
      bytes);
  if (taken) {
    open_submissions_[{asker.peer, asker.number}] = std::move(open);
  } else {
    metrics_.OnSubmissionRefused(Busy());
    ReplyError(asker, Busy());
  }
}

const JobToAccept* CoordinatorLoop::SurelyNew(const Submit& request) {
  if (request.jobs.size() != 1 || known_keys_.MayHave(request.key)) {
    return nullptr;
  }
  const JobToAccept* known = accepted_before_.Find(request.jobs.front());
  // Without room the other way finds the words for it.
  if (known == nullptr ||
      !room_ahead_.TakeRoomFor(BytesOf(request, {}), loop_.Now())) {
    return nullptr;
  }
  return known;
}

void CoordinatorLoop::LearnKeys(const std::string& after) {
  constexpr uint64_t kAtOnce = 4'096;
  const bool asked = submissions_->Ask(
      [this, after](StoreReader& reader) -> std::function<void()> {
        auto keys = reader.SubmissionKeys(after, kAtOnce);
        return [this, keys = std::move(keys)] {
          // A store that cannot be read says so elsewhere; this is a shortcut.
          if (!keys.ok()) return;
          for (const std::string& key : *keys) known_keys_.Add(key);
          if (keys->size() < kAtOnce) {
            known_keys_.Complete();
          } else {
            LearnKeys(keys->back());
          }
        };
      });
  if (asked) return;
  loop_.RunAfter(std::chrono::seconds(1), [this, after] { LearnKeys(after); });
}

void CoordinatorLoop::AcceptPrepared(
    const Asker& asker, const std::string& key,
    absl::StatusOr<PreparedSubmission> prepared,
    std::optional<StoredSubmission> stored) {
  if (!prepared.ok()) {
    metrics_.OnSubmissionRefused(prepared.status());
    ReplyError(asker, prepared.status());
    return;
  }
  known_keys_.Add(key);
  for (JobToAccept& job : prepared->jobs) {
    job.owner = asker.name;
    learner_.Choose(job);
  }
  for (StagedItems& items : prepared->items) {
    pending_items_.push_back(std::move(items));
  }
  core_.OnSubmit(CurrentTime(), asker.peer, asker.number, key,
                 std::move(prepared->jobs), std::move(stored));
  changed_ = true;
}

void CoordinatorLoop::On(const Asker& asker, CancelJob request) {
  if (const auto live = core_.summary(request.job)) {
    if (!asker.MaySee(*live)) {
      ReplyError(asker, NoSuchJob(request.job));
      return;
    }
    core_.OnCancel(CurrentTime(), asker.peer, asker.number, request,
                   std::nullopt);
    changed_ = true;
    return;
  }
  const bool taken = queries_->Ask([this, asker, request = std::move(request)](
                                       StoreReader& reader) {
    absl::StatusOr<std::optional<JobSummary>> job = reader.FindJob(request.job);
    return [this, asker, request, job = std::move(job)] {
      if (!job.ok()) {
        ReplyError(asker, job.status());
        return;
      }
      // It may have been accepted since.
      const auto live = core_.summary(request.job);
      const auto& found = live.has_value() ? live : *job;
      if (found.has_value() && !asker.MaySee(*found)) {
        ReplyError(asker, NoSuchJob(request.job));
        return;
      }
      core_.OnCancel(CurrentTime(), asker.peer, asker.number, request, *job);
      changed_ = true;
    };
  });
  if (!taken) ReplyError(asker, Busy());
}

template <typename Read>
void CoordinatorLoop::AnswerFromStore(const Asker& asker, Read read) {
  const bool taken =
      queries_->Ask([this, asker, read = std::move(read)](StoreReader& reader) {
        auto answer = read(reader);
        return [this, asker, answer = std::move(answer)] {
          if (answer.ok()) {
            Reply(asker, *answer);
          } else {
            ReplyError(asker, answer.status());
          }
        };
      });
  if (!taken) ReplyError(asker, Busy());
}

// The reader knows what is committed; progress is never.
void CoordinatorLoop::On(const Asker& asker, GetJobs request) {
  const bool taken = queries_->Ask(
      [this, asker, request = std::move(request)](StoreReader& reader) {
        const bool by_id = !request.ids.empty();
        auto jobs = reader.Jobs(request, asker.only_owner());
        return [this, asker, by_id, jobs = std::move(jobs)]() mutable {
          if (!jobs.ok()) return ReplyError(asker, jobs.status());
          for (JobSummary& job : jobs->jobs) {
            if (by_id) job.progress = core_.progress(job.id);
          }
          Reply(asker, *jobs);
        };
      });
  if (!taken) ReplyError(asker, Busy());
}

void CoordinatorLoop::On(const Asker& asker, GetResults request) {
  AnswerFromStore(asker,
                  [request, owner = asker.only_owner()](StoreReader& reader) {
                    return reader.Results(request, owner);
                  });
}

void CoordinatorLoop::On(const Asker& asker, GetLogs request) {
  AnswerFromStore(asker,
                  [request, owner = asker.only_owner()](StoreReader& reader) {
                    return reader.Logs(request, owner);
                  });
}

void CoordinatorLoop::On(const Asker& asker, WatchJobs request) {
  if (request.ids.empty() || request.ids.size() > Watches::kJobsMax) {
    ReplyError(asker, absl::InvalidArgumentError(
                          "a watch has 1 to " +
                          std::to_string(Watches::kJobsMax) + " jobs"));
    return;
  }
  GetJobs finished;
  std::vector<JobSummary> lately;
  for (const JobId id : request.ids) {
    if (committed_.contains(id)) continue;
    finished.ids.push_back(id);
    const JobSummary* job = finished_.Find(id);
    if (job != nullptr && asker.MaySee(*job)) lately.push_back(*job);
  }
  if (lately.size() == finished.ids.size()) {
    AddWatch(asker, request, std::move(lately));
    return;
  }
  const bool taken =
      queries_->Ask([this, asker, request = std::move(request),
                     finished = std::move(finished)](StoreReader& reader) {
        absl::StatusOr<JobSummaries> jobs =
            reader.Jobs(finished, asker.only_owner());
        return [this, asker, request, jobs = std::move(jobs)] {
          if (jobs.ok()) {
            AddWatch(asker, request, jobs->jobs);
          } else {
            ReplyError(asker, jobs.status());
          }
        };
      });
  if (!taken) ReplyError(asker, Busy());
}

void CoordinatorLoop::WatchAccepted(const Asker& asker,
                                    const Accepted& accepted) {
  WatchJobs request;
  bool live = true;
  for (const JobSummary& job : accepted.jobs) {
    request.ids.push_back(job.id);
    live = live && committed_.contains(job.id);
  }
  // A submission sent again may be of jobs that have ended.
  if (!live) return On(asker, std::move(request));
  const absl::Status status = watches_.Add(
      asker.peer, asker.number, accepted.jobs, Watches::Knows::kThis);
  if (!status.ok())
    ReplyError(asker, absl::UnavailableError(std::string(status.message())));
}

void CoordinatorLoop::AddWatch(const Asker& asker, const WatchJobs& request,
                               std::vector<JobSummary> stored) {
  // What was live when it was asked may have finished since, and the other
  // way round: what is known on the loop is what commits told it. What the
  // reader saw is newer only for a moment.
  std::vector<JobSummary> jobs;
  std::vector<JobId> unknown;
  absl::flat_hash_map<JobId, const JobSummary*> by_id;
  for (const JobSummary& job : stored) by_id[job.id] = &job;
  for (const JobId id : request.ids) {
    const auto live = committed_.find(id);
    if (live != committed_.end() && !asker.MaySee(live->second)) {
      ReplyError(asker, NoSuchJob(id));
      return;
    }
    const auto read = by_id.find(id);
    if (read != by_id.end() &&
        (live == committed_.end() || IsTerminal(read->second->state))) {
      jobs.push_back(*read->second);
    } else if (live != committed_.end()) {
      jobs.push_back(live->second);
    } else {
      unknown.push_back(id);
    }
  }
  if (!unknown.empty()) {
    // Finished between the question and its answer: ask again.
    On(asker, WatchJobs(request));
    return;
  }
  const absl::Status status =
      watches_.Add(asker.peer, asker.number, std::move(jobs));
  if (!status.ok())
    ReplyError(asker, absl::UnavailableError(std::string(status.message())));
}

void CoordinatorLoop::On(const Asker& asker, GetAgents) {
  Reply(asker, AgentSummaries{.agents = core_.agents()});
}

void CoordinatorLoop::On(const Asker& asker, GetInfo) {
  Reply(asker, Info{.version = options_.version,
                    .term = core_.term(),
                    .durability = options_.durability == Durability::kFull
                                      ? "full"
                                      : "relaxed"});
}

void CoordinatorLoop::On(const Asker& asker, GetVerdicts request) {
  AnswerFromStore(asker,
                  [request, owner = asker.only_owner()](StoreReader& reader) {
                    return ReadVerdicts(reader, request, owner);
                  });
}

void CoordinatorLoop::CountVerdict(const JobSummary& job) {
  if (static_cast<double>(job.attempts) < kAttemptsToJudgeMin) return;
  // One that cannot be asked for now is not counted; nobody depends on it.
  (void)queries_->Ask([this, id = job.id](StoreReader& reader) {
    const auto judged = JudgeJob(reader, id, std::nullopt);
    return [this, judged] {
      if (!judged.ok()) return;
      for (const JudgedWork& one : *judged) {
        verdict_metrics_.Count(one.work.executor, one.verdict.code);
      }
    };
  });
}

}  // namespace remuda

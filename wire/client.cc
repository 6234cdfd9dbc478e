#include "wire/client.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/event_loop.h"
#include "base/random.h"
#include "jobs/states.h"
#include "wire/codec.h"
#include "wire/dealer_socket.h"

namespace remuda {
namespace {

// A watch that hears nothing for so long is asked for again: the coordinator
// may have lost it.
constexpr Duration kWatchRefresh = std::chrono::seconds(20);

// Between the tries of a request that the coordinator was too busy for.
constexpr Duration kBusyPauseFirst = std::chrono::milliseconds(200);
constexpr Duration kBusyPauseMax = std::chrono::seconds(2);

// How often a submission starts over because the coordinator, which keeps
// uploads in memory, has lost them; and how many pieces may bring nothing.
constexpr int kUploadRoundsMax = 2;
constexpr int kUploadStallsMax = 10;

absl::Status StatusOf(const RequestError& error) {
  switch (error.code) {
    case RequestError::Code::kInvalid:
      return absl::InvalidArgumentError(error.message);
    case RequestError::Code::kNotFound:
      return absl::NotFoundError(error.message);
    case RequestError::Code::kConflict:
      return absl::AlreadyExistsError(error.message);
    case RequestError::Code::kBusy:
      return absl::UnavailableError(error.message);
    case RequestError::Code::kForbidden:
      return absl::PermissionDeniedError(error.message);
  }
  return absl::InternalError(error.message);
}

std::string Seconds(Duration duration) {
  const auto tenths = duration / std::chrono::milliseconds(100);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

class Client::Impl {
 public:
  Impl(const ClientOptions& options, const Clock& clock)
      : options_(options), clock_(clock), loop_(clock), random_(SystemSeed()) {}

  absl::Status Open(WireContext& context) {
    DealerOptions options;
    options.endpoint = options_.endpoint;
    options.key = options_.key;
    options.reconnect = ReconnectDelays::For(options_.endpoint);
    auto dealer = DealerSocket::Connect(
        options, context, loop_, random_,
        {.on_frame = [this](std::string_view frame) { OnFrame(frame); },
         .on_connected =
             [this] {
               turned_away_ = absl::OkStatus();
               SendFrame();
             },
         .on_disconnected = [this] { OnDisconnected(); },
         .on_turned_away = [this](TurnedAway why) { OnTurnedAway(why); }});
    if (!dealer.ok()) return dealer.status();
    dealer_ = *std::move(dealer);
    return absl::OkStatus();
  }

  absl::StatusOr<ClientReply> Call(const ClientRequest& request);
  absl::StatusOr<Accepted> SubmitJobs(const std::string& key,
                                      const std::vector<JobToSubmit>& jobs,
                                      const UploadProgress& progress);
  absl::Status Watch(const std::vector<JobId>& ids,
                     const WatchCallback& callback, MonotonicTime deadline);

 private:
  // One request under way: what is sent, and what came of it.
  absl::Status Begin(const ClientRequest& request);
  void SendFrame();
  void OnFrame(std::string_view frame);
  void OnDisconnected();
  void OnTurnedAway(TurnedAway why);

  // Waits for a reply, the end of the connection, or `until`. An error ends
  // the request.
  absl::Status Turn(MonotonicTime until);

  absl::Status NoAnswer(Duration waited) const;
  absl::Status UploadAll(const std::string& key,
                         const std::vector<JobToSubmit>& jobs,
                         const UploadProgress& progress);
  absl::StatusOr<uint64_t> UploadPiece(const std::string& key,
                                       uint32_t document, uint64_t offset,
                                       const std::string& bytes);

  const ClientOptions options_;
  const Clock& clock_;
  EventLoop loop_;
  Random random_;
  std::unique_ptr<DealerSocket> dealer_;

  uint64_t number_ = 0;
  std::string frame_;  // empty: nothing is asked
  std::deque<ClientReply> replies_;
  absl::Status failure_;
  absl::Status turned_away_;  // not OK while we are
  // No reply has come over the present connection.
  bool awaiting_ = false;
  MonotonicTime awaiting_since_;
};

absl::Status Client::Impl::Begin(const ClientRequest& request) {
  ++number_;
  replies_.clear();
  failure_ = absl::OkStatus();
  frame_ = EncodeRequest(request, number_);
  if (frame_.size() > kFrameBytesMax) {
    return absl::InvalidArgumentError(
        "the request has " + std::to_string(frame_.size()) +
        " bytes; at most " + std::to_string(kFrameBytesMax) +
        " fit into one message");
  }
  awaiting_ = true;
  awaiting_since_ = clock_.Now();
  SendFrame();
  return absl::OkStatus();
}

void Client::Impl::SendFrame() {
  // Not sent means not connected or not read; it is sent again in both cases.
  if (!frame_.empty() && dealer_->connected()) (void)dealer_->Send(frame_);
}

void Client::Impl::OnFrame(std::string_view frame) {
  auto decoded = DecodeReply(frame);
  if (!decoded.ok()) {
    failure_ = decoded.status();
    if (!absl::IsFailedPrecondition(failure_)) {
      failure_ =
          absl::InternalError("the coordinator's reply makes no sense: " +
                              std::string(failure_.message()));
    }
    loop_.Stop();
    return;
  }
  // A late reply to an earlier request, most likely one that was sent twice.
  if (decoded->number != number_) return;
  replies_.push_back(std::move(decoded->reply));
  awaiting_ = false;
  loop_.Stop();
}

void Client::Impl::OnDisconnected() {
  if (!awaiting_) awaiting_since_ = clock_.Now();
  awaiting_ = true;
  loop_.Stop();
}

void Client::Impl::OnTurnedAway(TurnedAway why) {
  // Whoever listens there may make way for a coordinator.
  if (why == TurnedAway::kProtocol) return;
  // A person has to mend it, so that waiting helps nobody.
  turned_away_ =
      absl::PermissionDeniedError("the coordinator at " + options_.endpoint +
                                  " does not let us in: " + ReasonOf(why));
  loop_.Stop();
}

absl::Status Client::Impl::Turn(MonotonicTime until) {
  const StopFlag* stop = options_.stop;
  if (stop != nullptr && stop->IsSet()) {
    return absl::CancelledError("interrupted");
  }
  if (!replies_.empty()) return absl::OkStatus();
  if (!turned_away_.ok()) return turned_away_;
  if (stop != nullptr) {
    loop_.WatchReadable(stop->fd(), [this] { loop_.Stop(); });
  }
  const TimerId timer = loop_.RunAt(until, [this] { loop_.Stop(); });
  loop_.Run();
  loop_.CancelTimer(timer);
  if (stop != nullptr) {
    loop_.Unwatch(stop->fd());
    if (stop->IsSet()) return absl::CancelledError("interrupted");
  }
  if (failure_.ok() && replies_.empty()) return turned_away_;
  return failure_;
}

absl::Status Client::Impl::NoAnswer(Duration waited) const {
  const std::string where = " at " + options_.endpoint;
  const std::string time = Seconds(waited);
  if (!dealer_->connected() &&
      dealer_->counters().handshakes_failed.other > 0) {
    return absl::UnavailableError(
        "no connection to the coordinator" + where + " (waited " + time +
        "), although somebody listens: " +
        (options_.key.has_value() ? "its key may not be the one in the key file"
                                  : "it may ask for a key"));
  }
  return absl::UnavailableError(
      dealer_->connected()
          ? "the coordinator" + where + " did not answer within " + time
          : "no coordinator" + where + " (waited " + time + ")");
}

absl::StatusOr<ClientReply> Client::Impl::Call(const ClientRequest& request) {
  CHECK(!std::holds_alternative<WatchJobs>(request));
  if (absl::Status begun = Begin(request); !begun.ok()) return begun;
  const MonotonicTime start = clock_.Now();
  const MonotonicTime deadline = start + options_.call_timeout;
  MonotonicTime resend_at = start + options_.try_timeout;
  Duration pause = kBusyPauseFirst;
  std::string busy;
  for (;;) {
    const absl::Status turned = Turn(std::min(deadline, resend_at));
    if (!turned.ok()) return turned;
    const MonotonicTime now = clock_.Now();
    if (!replies_.empty()) {
      ClientReply reply = std::move(replies_.front());
      replies_.pop_front();
      const auto* error = std::get_if<RequestError>(&reply);
      if (error == nullptr) return reply;
      if (error->code != RequestError::Code::kBusy) return StatusOf(*error);
      busy = error->message;
      resend_at = now + pause;
      pause = std::min(2 * pause, kBusyPauseMax);
    }
    if (now >= deadline) {
      if (!busy.empty()) return absl::UnavailableError(busy);
      return NoAnswer(now - start);
    }
    if (now >= resend_at) {
      SendFrame();
      resend_at = now + options_.try_timeout;
    }
  }
}

absl::StatusOr<uint64_t> Client::Impl::UploadPiece(const std::string& key,
                                                   uint32_t document,
                                                   uint64_t offset,
                                                   const std::string& bytes) {
  auto reply =
      Call(UploadItems{.key = key,
                       .document = document,
                       .offset = offset,
                       .bytes = bytes.substr(offset, UploadItems::kBytesMax)});
  if (!reply.ok()) return reply.status();
  const auto* accepted = std::get_if<UploadAccepted>(&*reply);
  if (accepted == nullptr || accepted->bytes > bytes.size()) {
    return absl::InternalError("the coordinator's reply is not to an upload");
  }
  return accepted->bytes;
}

absl::Status Client::Impl::UploadAll(const std::string& key,
                                     const std::vector<JobToSubmit>& jobs,
                                     const UploadProgress& progress) {
  uint64_t total = 0;
  for (const JobToSubmit& job : jobs) total += job.item_bytes.size();
  uint64_t done = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const std::string& bytes = jobs[i].item_bytes;
    int stalls = 0;
    // The coordinator says where to go on, which may be further back.
    for (uint64_t offset = 0; offset < bytes.size();) {
      auto next = UploadPiece(key, static_cast<uint32_t>(i), offset, bytes);
      if (!next.ok()) return next.status();
      if (*next <= offset && ++stalls > kUploadStallsMax) {
        return absl::UnavailableError("the coordinator loses the items");
      }
      offset = *next;
      if (progress) progress(done + offset, total);
    }
    done += bytes.size();
  }
  return absl::OkStatus();
}

absl::StatusOr<Accepted> Client::Impl::SubmitJobs(
    const std::string& key, const std::vector<JobToSubmit>& jobs,
    const UploadProgress& progress) {
  if (jobs.empty() || jobs.size() > Submit::kJobsMax) {
    return absl::InvalidArgumentError(
        "a submission has 1 to " + std::to_string(Submit::kJobsMax) +
        " jobs, not " + std::to_string(jobs.size()));
  }
  Submit submit{.key = key, .jobs = {}};
  for (const JobToSubmit& job : jobs) submit.jobs.push_back(job.job_json);
  const bool has_items = std::any_of(
      jobs.begin(), jobs.end(),
      [](const JobToSubmit& job) { return !job.item_bytes.empty(); });
  for (int round = 1;; ++round) {
    absl::Status uploaded = UploadAll(key, jobs, progress);
    if (!uploaded.ok()) return uploaded;
    auto reply = Call(submit);
    if (!reply.ok()) {
      // Either the key stands for something else, or the coordinator has lost
      // the items since, for example by a restart.
      if (absl::IsAlreadyExists(reply.status()) && has_items &&
          round < kUploadRoundsMax) {
        continue;
      }
      return reply.status();
    }
    if (auto* accepted = std::get_if<Accepted>(&*reply)) {
      return std::move(*accepted);
    }
    return absl::InternalError(
        "the coordinator's reply is not to a submission");
  }
}

absl::Status Client::Impl::Watch(const std::vector<JobId>& ids,
                                 const WatchCallback& callback,
                                 MonotonicTime deadline) {
  if (absl::Status begun = Begin(WatchJobs{.ids = ids}); !begun.ok()) {
    return begun;
  }
  std::set<JobId> open(ids.begin(), ids.end());
  bool heard = false;
  MonotonicTime resend_at = clock_.Now() + options_.try_timeout;
  for (;;) {
    const Duration patience =
        heard ? options_.watch_timeout : options_.call_timeout;
    MonotonicTime until = std::min(deadline, resend_at);
    if (awaiting_) until = std::min(until, awaiting_since_ + patience);
    const absl::Status turned = Turn(until);
    if (!turned.ok()) return turned;
    const MonotonicTime now = clock_.Now();
    while (!replies_.empty()) {
      const ClientReply reply = std::move(replies_.front());
      replies_.pop_front();
      resend_at = now + kWatchRefresh;
      if (const auto* error = std::get_if<RequestError>(&reply)) {
        if (error->code != RequestError::Code::kBusy) return StatusOf(*error);
        resend_at = now + kBusyPauseMax;
        continue;
      }
      const auto* summaries = std::get_if<JobSummaries>(&reply);
      if (summaries == nullptr) {
        return absl::InternalError("the coordinator's reply is not to a watch");
      }
      heard = true;
      for (const JobSummary& job : summaries->jobs) {
        if (IsTerminal(job.state)) open.erase(job.id);
      }
      if (!callback(*summaries) || open.empty()) return absl::OkStatus();
    }
    if (now >= deadline) {
      return absl::DeadlineExceededError("the jobs have not finished in time");
    }
    if (awaiting_ && now >= awaiting_since_ + patience) {
      return NoAnswer(now - awaiting_since_);
    }
    if (now >= resend_at) {
      SendFrame();
      resend_at = now + (awaiting_ ? options_.try_timeout : kWatchRefresh);
    }
  }
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(
    const ClientOptions& options, WireContext& context, const Clock& clock) {
  auto impl = std::make_unique<Impl>(options, clock);
  if (absl::Status opened = impl->Open(context); !opened.ok()) return opened;
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Client::~Client() = default;

absl::StatusOr<ClientReply> Client::Call(const ClientRequest& request) {
  return impl_->Call(request);
}

absl::StatusOr<Accepted> Client::SubmitJobs(
    const std::string& key, const std::vector<JobToSubmit>& jobs,
    const UploadProgress& progress) {
  return impl_->SubmitJobs(key, jobs, progress);
}

absl::Status Client::Watch(const std::vector<JobId>& ids,
                           const WatchCallback& callback,
                           MonotonicTime deadline) {
  return impl_->Watch(ids, callback, deadline);
}

}  // namespace remuda

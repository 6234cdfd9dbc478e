#include "cli/connection.h"

#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/settings.h"
#include "jobs/job_json.h"

namespace remuda {
namespace {

// A host that is gone closes its socket at once, and the next one listens
// soon; a guest that sees neither looks whether the folder is free.
constexpr Duration kHostGoneAfter = std::chrono::seconds(1);
constexpr Duration kHostPatience = std::chrono::seconds(5);
// A host that holds the folder and says nothing for so many patiences.
constexpr int kJoinsMax = 24;

}  // namespace

Connection::Connection() = default;

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(
    const CommonOptions& options, Embedded::Needs needs) {
  Interrupt::Install();
  // What a client has to say it says in words.
  ConfigureLog({.component = "client", .level = LogLevel::kWarning});
  std::unique_ptr<Connection> connection(new Connection());
  connection->endpoint_ = options.coordinator;
  connection->state_folder_ = options.state_folder;
  connection->needs_ = needs;
  if (options.coordinator.empty()) {
    absl::StatusOr<std::unique_ptr<Embedded>> embedded = Embedded::Open(
        options.state_folder, needs, connection->context_, connection->clock_);
    if (!embedded.ok()) return embedded.status();
    connection->embedded_ = *std::move(embedded);
    connection->endpoint_ = connection->embedded_->endpoint();
  } else {
    absl::StatusOr<std::optional<PeerKey>> key = ReadKey(options.key);
    if (!key.ok()) return key.status();
    connection->key_ = *std::move(key);
  }
  const absl::Status connected = connection->Connect(Interrupt::flag());
  if (!connected.ok()) return connected;
  return connection;
}

absl::Status Connection::Connect(const StopFlag* stop) {
  stop_ = stop;
  ClientOptions options;
  if (is_guest()) {
    options.call_timeout = kHostPatience;
    options.watch_timeout = kHostGoneAfter;
  }
  options.endpoint = endpoint_;
  options.key = key_;
  options.stop = stop;
  absl::StatusOr<std::unique_ptr<Client>> client =
      Client::Connect(options, context_, clock_);
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  return absl::OkStatus();
}

absl::Status Connection::IgnoreInterrupt() { return Connect(nullptr); }

absl::Status Connection::JoinAgain() {
  absl::StatusOr<std::unique_ptr<Embedded>> embedded =
      Embedded::Open(state_folder_, needs_, context_, clock_);
  if (!embedded.ok()) return embedded.status();
  embedded_ = *std::move(embedded);
  return Connect(stop_);
}

absl::StatusOr<ClientReply> Connection::Call(const ClientRequest& request) {
  absl::StatusOr<ClientReply> reply = client_->Call(request);
  if (!absl::IsUnavailable(reply.status()) || !is_guest()) return reply;
  const absl::Status joined = JoinAgain();
  return joined.ok() ? client_->Call(request) : joined;
}

absl::StatusOr<Accepted> Connection::SubmitJobs(
    const std::string& key, const std::vector<ResolvedJob>& jobs) {
  std::vector<Client::JobToSubmit> to_submit;
  for (const ResolvedJob& job : jobs) {
    to_submit.push_back(
        {.job_json = JobToJson(job.job), .item_bytes = job.items.bytes()});
  }
  absl::StatusOr<Accepted> accepted = client_->SubmitJobs(key, to_submit);
  if (!absl::IsUnavailable(accepted.status()) || !is_guest()) return accepted;
  const absl::Status joined = JoinAgain();
  return joined.ok() ? client_->SubmitJobs(key, to_submit) : joined;
}

absl::Status Connection::Watch(const std::vector<JobId>& jobs,
                               std::optional<Duration> timeout,
                               const Update& update) {
  const MonotonicTime deadline =
      timeout ? clock_.Now() + *timeout : MonotonicTime::max();
  for (int joins = 0;; ++joins) {
    const absl::Status watched = client_->Watch(
        jobs,
        [&](const JobSummaries& summaries) {
          joins = 0;
          update(summaries.jobs);
          return true;
        },
        deadline);
    if (!absl::IsUnavailable(watched) || !is_guest() || joins == kJoinsMax) {
      return watched;
    }
    const absl::Status joined = JoinAgain();
    if (!joined.ok()) return joined;
  }
}

}  // namespace remuda

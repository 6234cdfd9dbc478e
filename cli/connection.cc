#include "cli/connection.h"

#include "base/log.h"
#include "cli/interrupt.h"
#include "jobs/job_json.h"

namespace remuda {

Connection::Connection() = default;

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(
    const CommonOptions& options, Embedded::Needs needs) {
  Interrupt::Install();
  // What a client has to say it says in words.
  ConfigureLog({.component = "client", .level = LogLevel::kWarning});
  std::unique_ptr<Connection> connection(new Connection());
  connection->endpoint_ = options.coordinator;
  if (options.coordinator.empty()) {
    absl::StatusOr<std::unique_ptr<Embedded>> embedded = Embedded::Open(
        options.state_folder, needs, connection->context_, connection->clock_);
    if (!embedded.ok()) return embedded.status();
    connection->embedded_ = *std::move(embedded);
    connection->endpoint_ = connection->embedded_->endpoint();
  }
  const absl::Status connected = connection->Connect(Interrupt::flag());
  if (!connected.ok()) return connected;
  return connection;
}

absl::Status Connection::Connect(const StopFlag* stop) {
  ClientOptions options;
  options.endpoint = endpoint_;
  options.stop = stop;
  absl::StatusOr<std::unique_ptr<Client>> client =
      Client::Connect(options, context_, clock_);
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  return absl::OkStatus();
}

absl::Status Connection::IgnoreInterrupt() { return Connect(nullptr); }

absl::StatusOr<ClientReply> Connection::Call(const ClientRequest& request) {
  return client_->Call(request);
}

absl::StatusOr<Accepted> Connection::SubmitJobs(
    const std::string& key, const std::vector<ResolvedJob>& jobs) {
  std::vector<Client::JobToSubmit> to_submit;
  for (const ResolvedJob& job : jobs) {
    to_submit.push_back(
        {.job_json = JobToJson(job.job), .item_bytes = job.items.bytes()});
  }
  return client_->SubmitJobs(key, to_submit);
}

absl::Status Connection::Watch(const std::vector<JobId>& jobs,
                               std::optional<Duration> timeout,
                               const Update& update) {
  return client_->Watch(
      jobs,
      [&](const JobSummaries& summaries) {
        update(summaries.jobs);
        return true;
      },
      timeout ? clock_.Now() + *timeout : MonotonicTime::max());
}

}  // namespace remuda

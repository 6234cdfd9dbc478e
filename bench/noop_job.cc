#include "bench/noop_job.h"

#include <cstdio>
#include <optional>

#include "base/check.h"
#include "base/log.h"
#include "jobs/job_json.h"
#include "jobs/spec.h"
#include "wire/key_files.h"

namespace remuda {

std::string NoopJob() {
  const SpecResult spec = ParseSpec(
      "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: noop}\n"
      "spec: {type: noop}\n",
      "noop.yaml");
  CHECK(spec.errors.empty());
  return JobToJson(spec.jobs.front());
}

absl::StatusOr<std::unique_ptr<PipelinedClient>> ConnectBench(
    const std::string& coordinator, const std::string& key_file,
    WireContext& context, const Clock& clock) {
  ConfigureLog({.component = "bench", .level = LogLevel::kWarning});
  std::optional<PeerKey> key;
  if (!key_file.empty()) {
    absl::StatusOr<PeerKey> read = LoadPeerKey(key_file);
    if (!read.ok()) return read.status();
    key = *std::move(read);
  }
  return PipelinedClient::Connect(coordinator, key, context, clock);
}

int Complain(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace remuda

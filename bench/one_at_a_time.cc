// Submits jobs of one task, each when the one before has ended, and prints how
// long they took from the request to the known end, as one line of JSON.
//
//   one_at_a_time COORDINATOR JOBS [KEY_FILE]

#include <cstdio>
#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "bench/latencies.h"
#include "bench/noop_job.h"
#include "bench/pipelined_client.h"
#include "jobs/states.h"
#include "wire/client_messages.h"

namespace remuda {
namespace {

constexpr Duration kPatience = std::chrono::seconds(30);
// The first ones find cold caches and connections.
constexpr size_t kUnmeasured = 20;

// OK when the job has succeeded.
absl::Status RunOne(PipelinedClient& client, const std::string& key,
                    const std::string& job) {
  absl::Status result = absl::InternalError("another reply");
  const auto watch = [&](ClientReply& reply) {
    if (std::holds_alternative<Accepted>(reply)) return true;
    const auto* said = std::get_if<JobSummaries>(&reply);
    if (said != nullptr && !IsTerminal(said->jobs.front().state)) return true;
    if (said != nullptr && said->jobs.front().state == JobState::kSucceeded) {
      result = absl::OkStatus();
    }
    client.Stop();
    return false;
  };
  client.Ask(Submit{.key = key, .jobs = {job}, .watch = true}, watch);
  const absl::Status run = client.Run(kPatience);
  return run.ok() ? result : run;
}

int Main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fprintf(stderr, "usage: %s COORDINATOR JOBS [KEY_FILE]\n", argv[0]);
    return 2;
  }
  const size_t jobs = std::strtoul(argv[2], nullptr, 10);
  WireContext context;
  const SystemClock clock;
  auto client = ConnectBench(argv[1], argc == 4 ? argv[3] : "", context, clock);
  if (!client.ok()) return Complain(client.status());
  const std::string job = NoopJob();
  const std::string prefix = RandomHex(8) + "-";
  std::vector<Duration> took;
  for (size_t i = 0; i < jobs + kUnmeasured; ++i) {
    const MonotonicTime start = clock.Now();
    const absl::Status run = RunOne(**client, prefix + std::to_string(i), job);
    if (!run.ok()) return Complain(run);
    if (i >= kUnmeasured) took.push_back(clock.Now() - start);
  }
  std::printf("%s\n", Latencies::Of(std::move(took)).ToJson().c_str());
  return 0;
}

}  // namespace
}  // namespace remuda

int main(int argc, char** argv) { return remuda::Main(argc, argv); }

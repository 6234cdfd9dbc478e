// Submits jobs of one task each, many on their way at once, and waits until
// every one has ended. Prints one line of JSON.
//
//   single_submits COORDINATOR JOBS IN_FLIGHT [KEY_FILE]
//
// "accepted_per_second" ends with the last acceptance, "per_second" with the
// last known end of a job.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "bench/noop_job.h"
#include "bench/pipelined_client.h"
#include "jobs/states.h"
#include "wire/client_messages.h"

namespace remuda {
namespace {

constexpr size_t kJobsOfAWatch = 500;
constexpr Duration kPatience = std::chrono::minutes(10);

double SecondsSince(MonotonicTime start, const Clock& clock) {
  return std::chrono::duration<double>(clock.Now() - start).count();
}

class Submitter {
 public:
  Submitter(PipelinedClient& client, const Clock& clock, size_t jobs)
      : client_(client), clock_(clock), left_(jobs), open_(jobs) {}

  absl::Status Run(size_t in_flight) {
    start_ = clock_.Now();
    for (size_t i = 0; i < in_flight && left_ > 0; ++i) SubmitNext();
    const absl::Status run = client_.Run(kPatience);
    seconds_ = SecondsSince(start_, clock_);
    return refused_.empty() ? run : absl::UnavailableError(refused_);
  }

  double accepted_seconds() const { return accepted_seconds_; }
  double seconds() const { return seconds_; }
  size_t not_succeeded() const { return not_succeeded_; }

 private:
  void SubmitNext() {
    --left_;
    ++unanswered_;
    const std::string key = prefix_ + std::to_string(left_);
    client_.Ask(Submit{.key = key, .jobs = {job_}}, [this](ClientReply& reply) {
      OnSubmitted(reply);
      return false;
    });
  }

  void OnSubmitted(const ClientReply& reply) {
    --unanswered_;
    const auto* accepted = std::get_if<Accepted>(&reply);
    if (accepted == nullptr) return Refuse(reply);
    unwatched_.push_back(accepted->jobs.front().id);
    if (left_ > 0) {
      SubmitNext();
    } else if (unanswered_ == 0) {
      accepted_seconds_ = SecondsSince(start_, clock_);
    }
    if (unwatched_.size() == kJobsOfAWatch || unanswered_ == 0) Watch();
  }

  void Watch() {
    const size_t jobs = unwatched_.size();
    WatchJobs watch = {.ids = std::exchange(unwatched_, {})};
    client_.Ask(watch, [this, jobs](ClientReply& reply) {
      const auto* said = std::get_if<JobSummaries>(&reply);
      if (said == nullptr) {
        Refuse(reply);
        return false;
      }
      size_t bad = 0;
      for (const JobSummary& job : said->jobs) {
        if (!IsTerminal(job.state)) return true;
        bad += job.state != JobState::kSucceeded;
      }
      not_succeeded_ += bad;
      open_ -= jobs;
      if (open_ == 0) client_.Stop();
      return false;
    });
  }

  void Refuse(const ClientReply& reply) {
    const auto* error = std::get_if<RequestError>(&reply);
    refused_ = error != nullptr ? error->message : "another reply";
    client_.Stop();
  }

  PipelinedClient& client_;
  const Clock& clock_;
  const std::string job_ = NoopJob();
  const std::string prefix_ = RandomHex(8) + "-";
  size_t left_;
  size_t open_;
  size_t unanswered_ = 0;
  std::vector<JobId> unwatched_;
  size_t not_succeeded_ = 0;
  std::string refused_;
  MonotonicTime start_;
  double accepted_seconds_ = 0;
  double seconds_ = 0;
};

int Main(int argc, char** argv) {
  if (argc < 4 || argc > 5) {
    std::fprintf(stderr, "usage: %s COORDINATOR JOBS IN_FLIGHT [KEY_FILE]\n",
                 argv[0]);
    return 2;
  }
  const size_t jobs = std::strtoul(argv[2], nullptr, 10);
  const size_t in_flight = std::strtoul(argv[3], nullptr, 10);
  WireContext context;
  const SystemClock clock;
  auto client = ConnectBench(argv[1], argc == 5 ? argv[4] : "", context, clock);
  if (!client.ok()) return Complain(client.status());
  Submitter submitter(**client, clock, jobs);
  const absl::Status run = submitter.Run(in_flight);
  if (!run.ok()) return Complain(run);
  std::printf(
      "{\"jobs\":%zu,\"in_flight\":%zu,\"not_succeeded\":%zu,"
      "\"accepted_per_second\":%.1f,\"seconds\":%.6f,\"per_second\":%.1f}\n",
      jobs, in_flight, submitter.not_succeeded(),
      static_cast<double>(jobs) / submitter.accepted_seconds(),
      submitter.seconds(), static_cast<double>(jobs) / submitter.seconds());
  return submitter.not_succeeded() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace remuda

int main(int argc, char** argv) { return remuda::Main(argc, argv); }

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "bench/floors.h"
#include "bench/latencies.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/print.h"
#include "cli/spec_file.h"
#include "cli/version.h"
#include "cli/words.h"
#include "jobs/states.h"

namespace remuda {
namespace {

constexpr size_t kRoundTrips = 2'000;
constexpr size_t kSingles = 1'000;
constexpr size_t kFirstSize = 100;
constexpr size_t kGrowth = 8;

// One line of the report. A latency's p99 is above zero.
struct Figure {
  std::string name;
  std::string text;
  std::string unit;
  double value = 0;
  double p99 = 0;
  uint64_t size = 0;    // what was run; 0 for floors
  std::string missing;  // why there is no figure
};

double Microseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

// A folder that is removed with all that is in it.
class Scratch {
 public:
  explicit Scratch(std::string path) : path_(std::move(path)) {
    std::error_code error;
    std::filesystem::create_directories(path_, error);
  }
  ~Scratch() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

Figure OfRelay(const absl::StatusOr<Latencies>& relay) {
  Figure figure = {.name = "relay",
                   .text = "floor: four hops of bare ZeroMQ",
                   .unit = "microseconds"};
  if (!relay.ok()) {
    figure.missing = std::string(relay.status().message());
    return figure;
  }
  figure.value = Microseconds(relay->p50);
  figure.p99 = Microseconds(relay->p99);
  return figure;
}

Figure OfFloor(Figure figure, const absl::StatusOr<double>& rate) {
  if (rate.ok()) {
    figure.value = *rate;
  } else {
    figure.missing = std::string(rate.status().message());
  }
  return figure;
}

void AddFloors(const std::string& folder, Duration each,
               std::vector<Figure>& figures) {
  figures.push_back(OfFloor({.name = "appends",
                             .text = "floor: append and fdatasync",
                             .unit = "a second"},
                            AppendsPerSecond(folder, each)));
  figures.push_back(OfFloor({.name = "sqlite_rows",
                             .text = "floor: SQLite rows, 500 a commit",
                             .unit = "rows/s"},
                            SqliteRowsPerSecond(folder, 500, each)));
  figures.push_back(OfFloor({.name = "spawns",
                             .text = "floor: posix_spawn, 4 at once",
                             .unit = "commands/s"},
                            SpawnsPerSecond(4, each)));
}

// Runs jobs on the embedded coordinator and agent.
class Bench {
 public:
  Bench(Connection& connection, std::string folder, Duration each)
      : connection_(connection), folder_(std::move(folder)), each_(each) {}

  // As many tasks of a range as take about as long as one figure may.
  // Errors: Cancelled after an interrupt.
  absl::StatusOr<Figure> Ranged(Figure figure, const std::string& spec) {
    for (figure.size = kFirstSize;; figure.size *= kGrowth) {
      const MonotonicTime start = clock_.Now();
      const absl::Status run = Run(spec + "  tasks: {range: {from: 1, to: " +
                                   std::to_string(figure.size) + "}}\n");
      if (absl::IsCancelled(run)) return run;
      if (!run.ok()) {
        figure.missing = std::string(run.message());
        return figure;
      }
      const Duration took = clock_.Now() - start;
      figure.value = static_cast<double>(figure.size) /
                     std::chrono::duration<double>(took).count();
      if (took > each_ / 2) return figure;
    }
  }

  // Each when the one before is known to have ended.
  absl::StatusOr<Figure> OneAtATime() {
    Figure figure = {.name = "one_at_a_time",
                     .text = "one no-op at a time",
                     .unit = "microseconds"};
    std::vector<Duration> took;
    const MonotonicTime end = clock_.Now() + each_;
    while (took.size() < kSingles && (took.empty() || clock_.Now() < end)) {
      const MonotonicTime start = clock_.Now();
      const absl::Status run = Run("  type: noop\n");
      if (!run.ok()) return run;
      took.push_back(clock_.Now() - start);
    }
    const Latencies latencies = Latencies::Of(std::move(took));
    figure.value = Microseconds(latencies.p50);
    figure.p99 = Microseconds(latencies.p99);
    figure.size = latencies.count;
    return figure;
  }

  // Whether the agent, which has run something before, can run such jobs.
  absl::StatusOr<bool> Offers(const std::string& type) {
    absl::StatusOr<AgentSummaries> agents =
        connection_.Ask<AgentSummaries>(GetAgents{});
    if (!agents.ok()) return agents.status();
    return std::any_of(agents->agents.begin(), agents->agents.end(),
                       [&](const AgentSummary& agent) {
                         return std::binary_search(agent.job_types.begin(),
                                                   agent.job_types.end(), type);
                       });
  }

 private:
  // OK if every task succeeded. `spec` is what stands below `spec:`.
  absl::Status Run(const std::string& spec) {
    const std::string path = folder_ + "/job.yaml";
    std::ofstream(path) << "apiVersion: remuda/v1\nkind: Job\n"
                           "metadata: {name: bench}\nspec:\n"
                        << spec;
    SpecFile file = ReadSpecFile(path);
    if (!file.errors.empty()) {
      return absl::InvalidArgumentError(file.errors.front());
    }
    absl::StatusOr<Accepted> accepted =
        connection_.SubmitJobs(RandomHex(16), file.jobs);
    if (!accepted.ok()) return accepted.status();
    JobSummary last;
    const absl::Status watched = connection_.Watch(
        {accepted->jobs.front().id}, std::nullopt,
        [&last](const std::vector<JobSummary>& jobs) { last = jobs.front(); });
    if (!watched.ok()) return watched;
    if (last.state == JobState::kSucceeded) return absl::OkStatus();
    return absl::InternalError(last.reason);
  }

  Connection& connection_;
  const std::string folder_;
  const Duration each_;
  const SystemClock clock_;
};

absl::Status AddJobs(Bench& bench, const std::string& folder,
                     std::vector<Figure>& figures) {
  std::ofstream(folder + "/nothing.py") << "def noop(_):\n    return None\n";
  const std::pair<Figure, std::string> ranged[] = {
      {{.name = "noop_array", .text = "an array of no-ops", .unit = "tasks/s"},
       "  type: noop\n"},
      {{.name = "commands", .text = "/bin/true", .unit = "commands/s"},
       "  type: command\n  with: {argv: [/bin/true]}\n"},
      {{.name = "python",
        .text = "a Python function that does nothing",
        .unit = "calls/s"},
       "  type: python\n  with: {function: nothing:noop}\n"}};
  for (const auto& [figure, spec] : ranged) {
    if (figure.name == "python") {
      const absl::StatusOr<bool> offered = bench.Offers("python");
      if (!offered.ok()) return offered.status();
      if (!*offered) {
        figures.push_back(figure);
        figures.back().missing = "no python3 was found";
        continue;
      }
    }
    absl::StatusOr<Figure> measured = bench.Ranged(figure, spec);
    if (!measured.ok()) return measured.status();
    figures.push_back(*std::move(measured));
  }
  absl::StatusOr<Figure> one = bench.OneAtATime();
  if (!one.ok()) return one.status();
  figures.push_back(*std::move(one));
  return absl::OkStatus();
}

std::string Machine() {
  utsname names = {};
  uname(&names);
  return std::string(names.machine) + ", " +
         std::to_string(std::thread::hardware_concurrency()) + " cores, " +
         names.sysname + " " + names.release;
}

std::string Rounded(double value) {
  return CountText(static_cast<uint64_t>(std::llround(value)));
}

std::string FiguresText(const std::vector<Figure>& figures) {
  std::string text = "Remuda " + std::string(kRemudaVersion) + ", " +
                     Machine() +
                     "\nEmbedded coordinator and agent, durability full, no "
                     "keys.\n\n";
  for (const Figure& figure : figures) {
    std::string line = figure.text;
    line.resize(std::max<size_t>(line.size(), 38), ' ');
    if (!figure.missing.empty()) {
      text += line + "left out: " + SafeText(figure.missing, 200) + "\n";
      continue;
    }
    line += Rounded(figure.value) + " " + figure.unit;
    if (figure.p99 > 0) line += ", p99 " + Rounded(figure.p99);
    if (figure.size > 0) line += " (" + CountText(figure.size) + ")";
    text += line + "\n";
  }
  return text;
}

std::string FiguresJson(const std::vector<Figure>& figures) {
  using nlohmann::json;
  json rows = json::array();
  for (const Figure& figure : figures) {
    const bool known = figure.missing.empty();
    json row = {{"name", figure.name}, {"unit", figure.unit}};
    row["value"] = known ? json(figure.value) : json();
    row["p99"] = known && figure.p99 > 0 ? json(figure.p99) : json();
    row["size"] = known && figure.size > 0 ? json(figure.size) : json();
    row["left_out"] = known ? json() : json(figure.missing);
    rows.push_back(std::move(row));
  }
  return json({{"version", kRemudaVersion},
               {"machine", Machine()},
               {"durability", "full"},
               {"figures", std::move(rows)}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

ExitCode BenchCommand(const BenchOptions& options) {
  const auto each = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(options.seconds_each));
  std::vector<Figure> figures;
  // First, because it forks.
  PrintWords("the floors of this machine ...");
  figures.push_back(OfRelay(RelayRoundTrips(kRoundTrips)));

  // Beside the state, so that it is the same disk.
  const Scratch scratch(options.common.state_folder + "/bench-" +
                        std::to_string(getpid()));
  AddFloors(scratch.path(), each / 2, figures);
  PrintWords("jobs ...");
  CommonOptions own = options.common;
  own.coordinator.clear();
  own.state_folder = scratch.path() + "/state";
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(own, Embedded::Needs::kAgent);
  if (!connection.ok()) return Fail(connection.status());
  Bench bench(**connection, scratch.path(), each);
  const absl::Status done = AddJobs(bench, scratch.path(), figures);
  connection->reset();  // before its folder goes
  if (!done.ok()) return Fail(done);
  PrintData(options.common.json ? FiguresJson(figures) : FiguresText(figures));
  return ExitCode::kOk;
}

}  // namespace remuda

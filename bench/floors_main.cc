// Measures what this machine does at best, each for a few seconds, and prints
// one line of JSON. Files are made in FOLDER: floors of the disk are of its.
//
//   floors FOLDER [SECONDS_EACH]

#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/floors.h"
#include "bench/noop_job.h"

namespace remuda {
namespace {

constexpr size_t kRoundTrips = 3'000;

int Main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s FOLDER [SECONDS_EACH]\n", argv[0]);
    return 2;
  }
  const std::string folder = argv[1];
  const double seconds = argc == 3 ? std::strtod(argv[2], nullptr) : 1.0;
  const auto each = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(seconds));
  const auto relay = RelayRoundTrips(kRoundTrips);  // first: it forks
  if (!relay.ok()) return Complain(relay.status());
  std::string json = "{\"relay\":" + relay->ToJson();
  const auto add = [&](const char* name, const absl::StatusOr<double>& rate) {
    if (!rate.ok()) return Complain(rate.status());
    json += std::string(",\"") + name + "\":" + std::to_string(*rate);
    return 0;
  };
  if (add("appends_per_second", AppendsPerSecond(folder, each)) != 0) return 1;
  for (const size_t rows : {1, 100, 500, 2'000}) {
    const std::string name =
        "sqlite_rows_per_second_" + std::to_string(rows) + "_a_commit";
    if (add(name.c_str(), SqliteRowsPerSecond(folder, rows, each)) != 0) {
      return 1;
    }
  }
  for (const size_t at_once : {1, 2, 4}) {
    const std::string name =
        "spawns_per_second_" + std::to_string(at_once) + "_at_once";
    if (add(name.c_str(), SpawnsPerSecond(at_once, each)) != 0) return 1;
  }
  std::printf("%s}\n", json.c_str());
  return 0;
}

}  // namespace
}  // namespace remuda

int main(int argc, char** argv) { return remuda::Main(argc, argv); }

// remuda-simulation: runs seeds of the simulation and says what they found.

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "simulation/planted_bug.h"
#include "simulation/world.h"

namespace remuda {
namespace {

constexpr char kUsage[] =
    "usage: remuda-simulation --seeds A..B [--jobs N] [--plant BUG] [--trace]\n"
    "  runs the seeds A to B, prints those with a violation and exits with 1\n"
    "  if there is one; --trace prints what happens and takes one seed\n";

struct Wanted {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t jobs = 1;
  PlantedBug bug = PlantedBug::kNone;
  bool trace = false;
};

bool ReadNumber(std::string_view text, uint64_t& number) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool ReadSeeds(std::string_view text, Wanted& wanted) {
  const size_t dots = text.find("..");
  if (dots == std::string_view::npos) {
    wanted.last = 0;
    if (!ReadNumber(text, wanted.first)) return false;
    wanted.last = wanted.first;
    return true;
  }
  return ReadNumber(text.substr(0, dots), wanted.first) &&
         ReadNumber(text.substr(dots + 2), wanted.last) &&
         wanted.first <= wanted.last;
}

bool ReadArguments(const std::vector<std::string_view>& arguments,
                   Wanted& wanted) {
  bool has_seeds = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--trace") {
      wanted.trace = true;
      continue;
    }
    if (i + 1 == arguments.size()) return false;
    const std::string_view value = arguments[++i];
    if (name == "--seeds") {
      has_seeds = ReadSeeds(value, wanted);
      if (!has_seeds) return false;
    } else if (name == "--jobs") {
      if (!ReadNumber(value, wanted.jobs) || wanted.jobs == 0) return false;
    } else if (name == "--plant") {
      const auto bug = PlantedBugFromName(value);
      if (!bug.has_value()) return false;
      wanted.bug = *bug;
    } else {
      return false;
    }
  }
  return has_seeds && (!wanted.trace || wanted.first == wanted.last);
}

// Sums up what threads have found.
class Totals {
 public:
  void Add(uint64_t seed, const RunReport& report, PlantedBug bug) {
    const std::lock_guard lock(mutex_);
    ++seeds_;
    events_ += report.events;
    attempts_ += report.attempts;
    virtual_time_ += report.virtual_time;
    if (report.problems.empty()) return;
    ++violations_;
    std::printf("seed %llu:\n", static_cast<unsigned long long>(seed));
    for (const std::string& problem : report.problems) {
      std::printf("  %s\n", problem.c_str());
    }
    const std::string planted =
        bug == PlantedBug::kNone ? "" : " --plant " + std::string(Name(bug));
    std::printf("  again: remuda-simulation --seeds %llu%s --trace\n",
                static_cast<unsigned long long>(seed), planted.c_str());
    std::fflush(stdout);
  }

  void Print(double wall_seconds) const {
    std::printf(
        "%llu seeds, %llu with a violation; %llu attempts, %.0f hours of "
        "virtual time, %llu events in %.1f s: %.0f events/s\n",
        static_cast<unsigned long long>(seeds_),
        static_cast<unsigned long long>(violations_),
        static_cast<unsigned long long>(attempts_),
        std::chrono::duration<double>(virtual_time_).count() / 3600,
        static_cast<unsigned long long>(events_), wall_seconds,
        static_cast<double>(events_) / wall_seconds);
  }

  uint64_t violations() const { return violations_; }

 private:
  std::mutex mutex_;
  uint64_t seeds_ = 0;
  uint64_t violations_ = 0;
  uint64_t events_ = 0;
  uint64_t attempts_ = 0;
  std::chrono::nanoseconds virtual_time_{};
};

int RunSeeds(const Wanted& wanted) {
  const SystemClock clock;
  const MonotonicTime began = clock.Now();
  Totals totals;
  std::atomic<uint64_t> next = wanted.first;
  const World::Trace trace = [](const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  };
  const auto work = [&] {
    for (uint64_t seed = next++; seed <= wanted.last; seed = next++) {
      World world(seed, wanted.bug, wanted.trace ? trace : nullptr);
      totals.Add(seed, world.Run(), wanted.bug);
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 1; i < wanted.jobs; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  totals.Print(std::chrono::duration<double>(clock.Now() - began).count());
  return totals.violations() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace remuda

int main(int argc, char** argv) {
  remuda::Wanted wanted;
  if (!remuda::ReadArguments({argv + 1, argv + argc}, wanted)) {
    std::fputs(remuda::kUsage, stderr);
    return 2;
  }
  return remuda::RunSeeds(wanted);
}

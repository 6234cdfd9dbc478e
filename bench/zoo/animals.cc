// Workloads in C++, each of a kind of its own; zoo.py runs them. Each takes how
// much of it a task does.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/handler.h"

namespace {

namespace plugin = remuda::plugin;

// The member "amount" of {"amount":7,...}.
int64_t AmountIn(std::string_view parameters) {
  constexpr std::string_view kStart = "\"amount\":";
  const size_t at = parameters.find(kStart);
  if (at == std::string_view::npos) throw std::invalid_argument("no amount");
  return std::atoll(std::string(parameters.substr(at + kStart.size())).c_str());
}

// FNV-1a over so many KiB, which stay in the first cache.
uint64_t Hash(int64_t kibibytes) {
  std::array<uint8_t, 1024> block;
  std::iota(block.begin(), block.end(), uint8_t{0});
  uint64_t hash = 0xcbf29ce484222325;
  for (int64_t i = 0; i < kibibytes; ++i) {
    for (const uint8_t byte : block) hash = (hash ^ byte) * 0x100000001b3;
  }
  return hash;
}

struct Hashes {
  static constexpr bool kThreadSafe = true;
  std::string Run(std::string_view parameters, plugin::TaskContext&) {
    return std::to_string(Hash(AmountIn(parameters)) % 1000);
  }
};

struct Sorts {
  static constexpr bool kThreadSafe = true;
  std::string Run(std::string_view parameters, plugin::TaskContext&) {
    std::vector<uint32_t> numbers(static_cast<size_t>(AmountIn(parameters)));
    uint32_t next = 1;
    for (uint32_t& number : numbers)
      number = next = next * 1664525 + 1013904223;
    std::sort(numbers.begin(), numbers.end());
    return std::to_string(numbers.front());
  }
};

// A sum over an array that no cache holds, so many times.
class Streams {
 public:
  static constexpr bool kThreadSafe = true;
  std::string Run(std::string_view parameters, plugin::TaskContext&) {
    double sum = 0;
    for (int64_t i = AmountIn(parameters); i > 0; --i) {
      // Eight sums, so that memory is what it waits for.
      std::array<double, 8> parts{};
      for (size_t at = 0; at < numbers_.size(); at += parts.size()) {
        for (size_t k = 0; k < parts.size(); ++k) parts[k] += numbers_[at + k];
      }
      sum += std::accumulate(parts.begin(), parts.end(), 0.0);
    }
    return std::to_string(sum);
  }

 private:
  const std::vector<double> numbers_ = std::vector<double>(16 << 20, 1.0);
};

struct Sleeps {
  static constexpr bool kThreadSafe = true;
  std::string Run(std::string_view parameters, plugin::TaskContext&) {
    poll(nullptr, 0, static_cast<int>(AmountIn(parameters)));
    return "null";
  }
};

// Reads the first MiB of its own program so many times.
struct Reads {
  static constexpr bool kThreadSafe = true;
  std::string Run(std::string_view parameters, plugin::TaskContext&) {
    const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::runtime_error("cannot open its own program");
    std::vector<char> block(64 << 10);
    int64_t bytes = 0;
    for (int64_t i = AmountIn(parameters); i > 0; --i) {
      for (off_t at = 0; at < (1 << 20); at += 64 << 10) {
        bytes += pread(file, block.data(), block.size(), at);
      }
    }
    close(file);
    return std::to_string(bytes);
  }
};

// Computes half of the time under a lock that all threads share.
class Locks {
 public:
  static constexpr bool kThreadSafe = true;
  std::string Run(std::string_view parameters, plugin::TaskContext&) {
    const int64_t half = AmountIn(parameters) / 2;
    uint64_t hash = Hash(half);
    const std::lock_guard lock(mutex_);
    hash += Hash(half);
    return std::to_string(hash % 1000);
  }

 private:
  std::mutex mutex_;
};

struct Waits {
  plugin::Task<std::string> Run(std::string_view parameters,
                                plugin::TaskContext&) {
    co_await plugin::Sleep(std::chrono::milliseconds(AmountIn(parameters)));
    co_return "null";
  }
};

// Computes on its loop, as a coroutine should not.
struct Counts {
  plugin::Task<std::string> Run(std::string_view parameters,
                                plugin::TaskContext&) {
    const int64_t amount = AmountIn(parameters);
    co_await plugin::Sleep(std::chrono::milliseconds(1));
    co_return std::to_string(Hash(amount) % 1000);
  }
};

constexpr remuda_parameter kParameters[] = {
    {"amount", "integer", 1, "How much of it a task does."},
    {"n", "integer", 0, "The task's number."}};

template <typename Animal>
constexpr remuda_job_type TypeOf(const char* name, const char* meaning,
                                 const char* workload) {
  return plugin::JobTypeOf<Animal>({.name = name,
                                    .meaning = meaning,
                                    .workload = workload,
                                    .parameters = kParameters});
}

constexpr remuda_job_type kJobTypes[] = {
    TypeOf<Hashes>("zoo.hashes", "Hashes so many KiB.", "cpu"),
    TypeOf<Sorts>("zoo.sorts", "Sorts so many numbers.", "cpu"),
    TypeOf<Streams>("zoo.streams", "Reads 128 MiB so often.", "cpu"),
    TypeOf<Sleeps>("zoo.sleeps", "Sleeps so many ms.", "blocking"),
    TypeOf<Reads>("zoo.reads", "Reads a file's MiB so often.", "blocking"),
    TypeOf<Locks>("zoo.locks", "Hashes, half of it locked.", "cpu"),
    TypeOf<Waits>("zoo.waits", "Waits so many ms on a loop.", "io"),
    TypeOf<Counts>("zoo.counts", "Hashes so many KiB on a loop.", "io")};

constexpr remuda_manifest kManifest =
    plugin::ManifestOf("zoo", "1.0", kJobTypes);

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() { return &kManifest; }

#include "executors/handlers/vector_handler.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "executors/handlers/vector_files.h"
#include "executors/handlers/vector_math.h"

namespace remuda {
namespace {

using nlohmann::json;

// Two arrays of so many take a gibibyte.
constexpr uint64_t kNumbersMax = uint64_t{1} << 26;

// More threads than that gain nothing: memory is the limit.
constexpr uint32_t kThreadsMax = 64;

// A thread looks at its stop token after so many numbers, and sums that many
// at a time: so the sum does not depend on the number of threads.
constexpr uint64_t kPart = uint64_t{1} << 18;

struct Parameters {
  std::optional<uint64_t> n;
  VectorFiles files;
  double a = 2;
};

absl::Status ReadFiles(const json& with, VectorFiles& files) {
  for (const auto& [name, path] :
       {std::pair{"x", &files.x}, {"y", &files.y}, {"to", &files.to}}) {
    const auto found = with.find(name);
    if (found == with.end() || !found->is_string()) {
      return absl::InvalidArgumentError(
          "vector.axpb needs `n`, or the three files `x`, `y` and `to`; `" +
          std::string(name) + "` is missing");
    }
    *path = found->get<std::string>();
    if (!path->starts_with('/')) {
      return absl::InvalidArgumentError("`" + std::string(name) + "` is '" +
                                        *path + "', which is no whole path");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Parameters> Parse(const std::string& text) {
  const json with = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!with.is_object()) {
    return absl::InvalidArgumentError("vector.axpb needs `n` or files");
  }
  Parameters parameters;
  if (const auto a = with.find("a"); a != with.end()) {
    if (!a->is_number()) {
      return absl::InvalidArgumentError("`a` must be a number");
    }
    parameters.a = a->get<double>();
  }
  const auto n = with.find("n");
  if (n == with.end()) {
    const absl::Status read = ReadFiles(with, parameters.files);
    if (!read.ok()) return read;
    return parameters;
  }
  if (with.contains("x") || with.contains("y") || with.contains("to")) {
    return absl::InvalidArgumentError(
        "vector.axpb takes `n` or files, not both");
  }
  if (!n->is_number_unsigned() || n->get<uint64_t>() == 0 ||
      n->get<uint64_t>() > kNumbersMax) {
    return absl::InvalidArgumentError("`n` must be a number from 1 to " +
                                      std::to_string(kNumbersMax));
  }
  parameters.n = n->get<uint64_t>();
  return parameters;
}

// Runs `part(first, count)` for all parts on the threads; false if it was
// asked to stop.
bool ForParts(uint64_t n, size_t threads, const std::stop_token& stop,
              const std::function<void(uint64_t, uint64_t)>& part) {
  std::atomic<uint64_t> next = 0;
  const auto take = [&] {
    while (!stop.stop_requested()) {
      const uint64_t first = next.fetch_add(kPart);
      if (first >= n) return;
      part(first, std::min(kPart, n - first));
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(take);
  take();
  for (std::thread& other : others) other.join();
  return !stop.stop_requested();
}

// x[i] = i mod 1000, y[i] = (i mod 997) / 2.
HandlerResult MadeArrays(uint64_t n, double a, size_t threads,
                         const std::stop_token& stop) {
  std::vector<double> x(n);
  std::vector<double> y(n);
  std::vector<double> sums((n + kPart - 1) / kPart);
  const auto make = [&](uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      x[i] = static_cast<double>(i % 1000);
      y[i] = static_cast<double>(i % 997) / 2;
    }
  };
  const auto compute = [&](uint64_t first, uint64_t count) {
    MultiplyAdd(std::span(x).subspan(first, count), a,
                std::span(y).subspan(first, count));
  };
  const auto sum = [&](uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i)
      sums[first / kPart] += y[i];
  };
  if (!ForParts(n, threads, stop, make)) return Stopped();
  const SystemClock clock;
  const MonotonicTime began = clock.Now();
  if (!ForParts(n, threads, stop, compute)) return Stopped();
  const std::chrono::duration<double> took = clock.Now() - began;
  if (!ForParts(n, threads, stop, sum)) return Stopped();
  double total = 0;
  for (const double each : sums) total += each;
  // Two numbers are read and one is written for each.
  const double bytes = 3.0 * sizeof(double) * static_cast<double>(n);
  HandlerResult result;
  result.output = json{
      {"n", n},
      {"sum", total},
      {"seconds", took.count()},
      {"bytes_per_second", bytes / took.count()},
      {"threads", threads},
      {"unit",
       VectorUnit()}}.dump();
  return result;
}

class VectorHandler : public BlockingHandler {
 public:
  HandlerResult Run(const Attempt& attempt, const std::string& text,
                    ThreadState*, const std::stop_token& stop) override {
    const absl::StatusOr<Parameters> parameters = Parse(text);
    if (!parameters.ok()) {
      return Failed(std::string(parameters.status().message()));
    }
    const size_t threads =
        std::clamp(attempt.work->job.resources.cpu, 1u, kThreadsMax);
    if (parameters->n) {
      return MadeArrays(*parameters->n, parameters->a, threads, stop);
    }
    const absl::StatusOr<uint64_t> count =
        MultiplyAddFiles(parameters->files, parameters->a, threads, stop);
    if (absl::IsCancelled(count.status())) return Stopped();
    if (!count.ok()) return Failed(std::string(count.status().message()));
    HandlerResult result;
    const uint64_t bytes = *count * sizeof(double);
    result.bytes_in = 2 * bytes;
    result.bytes_out = bytes;
    result.output = json{
        {"n", *count},
        {"file", parameters->files.to},
        {"bytes", bytes},
        {"threads", threads},
        {"unit",
         VectorUnit()}}.dump();
    return result;
  }
};

}  // namespace

std::unique_ptr<BlockingHandler> MakeVectorHandler() {
  return std::make_unique<VectorHandler>();
}

}  // namespace remuda

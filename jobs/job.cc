#include "jobs/job.h"

#include <array>
#include <cmath>
#include <cstddef>

#include "base/check.h"

namespace remuda {
namespace {

// By CodeForm.
constexpr std::array<std::string_view, 3> kFormNames = {"unknown", "plain",
                                                        "async"};

// From one end to the other, counted without overflow: unsigned subtraction
// gives the distance even between the two extremes of int64_t.
uint64_t RangeCount(int64_t from, int64_t to, int64_t step) {
  CHECK(step != 0);
  const bool up = step > 0;
  if (up ? from > to : from < to) return 0;
  const uint64_t distance =
      up ? static_cast<uint64_t>(to) - static_cast<uint64_t>(from)
         : static_cast<uint64_t>(from) - static_cast<uint64_t>(to);
  const uint64_t stride = up ? static_cast<uint64_t>(step)
                             : uint64_t{0} - static_cast<uint64_t>(step);
  const uint64_t steps = distance / stride;
  return steps == UINT64_MAX ? UINT64_MAX : steps + 1;
}

uint64_t MatrixCount(const TaskSource& source) {
  uint64_t count = 1;
  for (const auto& [name, values] : source.axes) {
    if (__builtin_mul_overflow(count, values.size(), &count)) {
      return UINT64_MAX;
    }
  }
  return count;
}

}  // namespace

uint64_t TaskCount(const TaskSource& source) {
  switch (source.kind) {
    case TaskSource::Kind::kOne:
      return 1;
    case TaskSource::Kind::kRange:
      return RangeCount(source.from, source.to, source.step);
    case TaskSource::Kind::kMatrix:
      return MatrixCount(source);
    case TaskSource::Kind::kList:
      return source.list_count;
  }
  CHECK(false);
  return 0;
}

uint64_t FailedMax(const SuccessPolicy& policy, uint64_t tasks) {
  if (!policy.failed_max_percent.has_value()) return policy.failed_max;
  const double percent = *policy.failed_max_percent;
  if (percent >= 100) return tasks;
  // 29% of 100 is 28.999999999999996 in binary; the author meant 29.
  const double share = static_cast<double>(tasks) * percent / 100.0;
  return static_cast<uint64_t>(std::floor(share + 1e-9 * (1.0 + share)));
}

std::string_view Name(CodeForm form) {
  const size_t index = static_cast<size_t>(form);
  CHECK(index < kFormNames.size());
  return kFormNames[index];
}

std::optional<CodeForm> CodeFormFromName(std::string_view name) {
  for (size_t i = 0; i < kFormNames.size(); ++i) {
    if (kFormNames[i] == name) return static_cast<CodeForm>(i);
  }
  return std::nullopt;
}

}  // namespace remuda

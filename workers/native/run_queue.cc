#include "workers/native/run_queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

namespace remuda {

RunQueue::RunQueue()
    : schedstat_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)),
      last_(Read()) {}

std::optional<Duration> RunQueue::SinceLast() {
  const std::optional<Duration> now = Read();
  const std::optional<Duration> before = std::exchange(last_, now);
  if (!now || !before) return std::nullopt;
  return std::max(*now - *before, Duration::zero());
}

// "COMPUTED WAITED SLICES", in nanoseconds; proc(5).
std::optional<Duration> RunQueue::Read() const {
  if (!schedstat_.valid()) return std::nullopt;
  std::array<char, 128> bytes;
  const ssize_t count = pread(schedstat_.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) return std::nullopt;
  std::string_view text(bytes.data(), static_cast<size_t>(count));
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  text.remove_prefix(space + 1);
  int64_t waited = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), waited);
  if (error != std::errc() || waited < 0) return std::nullopt;
  return Duration(waited);
}

}  // namespace remuda

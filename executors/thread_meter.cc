#include "executors/thread_meter.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "base/check.h"

namespace remuda {
namespace {

Duration ThreadCpuTime() {
  timespec time;
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

// The second number of "cpu delay slices", in nanoseconds; proc(5).
std::optional<Duration> ReadDelay(int fd) {
  std::array<char, 128> bytes;
  const ssize_t count = pread(fd, bytes.data(), bytes.size(), 0);
  if (count <= 0) return std::nullopt;
  std::string_view text(bytes.data(), static_cast<size_t>(count));
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  text.remove_prefix(space + 1);
  int64_t delay = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), delay);
  if (error != std::errc() || delay < 0) return std::nullopt;
  return Duration(delay);
}

}  // namespace

ThreadMeter::ThreadMeter()
    : schedstat_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

void ThreadMeter::Begin() { began_ = Read(); }

void ThreadMeter::End(Usage& usage) const {
  const Reading now = Read();
  usage.cpu = now.cpu - began_.cpu;
  if (now.delay.has_value() && began_.delay.has_value()) {
    usage.run_queue_delay = *now.delay - *began_.delay;
  }
  usage.switches_voluntary = now.voluntary - began_.voluntary;
  usage.switches_involuntary = now.involuntary - began_.involuntary;
}

ThreadMeter::Reading ThreadMeter::Read() const {
  Reading reading;
  reading.cpu = ThreadCpuTime();
  if (schedstat_.valid()) reading.delay = ReadDelay(schedstat_.get());
  rusage used;
  CHECK(getrusage(RUSAGE_THREAD, &used) == 0);
  reading.voluntary = static_cast<uint64_t>(used.ru_nvcsw);
  reading.involuntary = static_cast<uint64_t>(used.ru_nivcsw);
  return reading;
}

}  // namespace remuda

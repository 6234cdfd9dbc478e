#include "executors/processes/report_queue.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace remuda {

void ReportQueue::Add(const SpawnFailed& report) {
  is_awaited_ = true;
  AppendReport(report, &reports_);
}

void ReportQueue::Add(const ProcessExited& report, MonotonicTime now, Of of) {
  if (reports_.empty()) since_ = now;
  is_awaited_ |= of == Of::kOther;
  AppendReport(report, &reports_);
}

bool ReportQueue::Send(int socket, MonotonicTime now, Line line) {
  const bool is_due =
      is_awaited_ || line == Line::kNeedsMore ||
      now - since_ >= std::chrono::milliseconds(kPauseMilliseconds);
  if (!reports_.empty() && is_due) {
    is_awaited_ = false;
    const std::array<char, 4> length = FrameLength(reports_.size());
    unsent_.append(length.data(), length.size());
    unsent_ += std::exchange(reports_, {});
  }
  while (!unsent_.empty()) {
    const ssize_t count = send(socket, unsent_.data(), unsent_.size(),
                               MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    if (count < 0) return false;
    unsent_.erase(0, static_cast<size_t>(count));
  }
  return true;
}

}  // namespace remuda

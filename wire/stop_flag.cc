#include "wire/stop_flag.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace remuda {

absl::StatusOr<StopFlag> StopFlag::Make() {
  absl::StatusOr<FdPair> pipe = MakePipe();
  if (!pipe.ok()) return pipe.status();
  // A full pipe must not block a signal handler.
  if (absl::Status status = SetNonBlocking(pipe->second.get()); !status.ok()) {
    return status;
  }
  return StopFlag(*std::move(pipe));
}

StopFlag::StopFlag(FdPair pipe)
    : pipe_(std::move(pipe)), set_(std::make_unique<std::atomic<bool>>()) {}

void StopFlag::Set() {
  const int saved_errno = errno;
  set_->store(true, std::memory_order_release);
  // A full pipe is readable too, so a failed write loses nothing.
  [[maybe_unused]] const ssize_t written = write(pipe_.second.get(), "s", 1);
  errno = saved_errno;
}

}  // namespace remuda

#include "workers/native/worker_pipe.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace remuda {

void WorkerPipe::Send(std::string_view message) {
  SendFrames(WorkerFrame(message));
}

void WorkerPipe::SendFrames(std::string_view frames) {
  MutexLock lock(mutex_);
  std::string_view rest = frames;
  while (!rest.empty()) {
    const ssize_t count = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) _exit(0);
    rest.remove_prefix(static_cast<size_t>(count));
  }
}

bool WorkerPipe::AdmitProgress(MonotonicTime now) {
  MutexLock lock(mutex_);
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    progress_in_second_ = 0;
  }
  if (progress_in_second_ >= kProgressPerSecond) return false;
  ++progress_in_second_;
  return true;
}

void WorkerPipe::ReadReady(const Take& take) { ReadOnce(take, MSG_DONTWAIT); }

void WorkerPipe::ReadOnce(const Take& take, int flags) {
  std::array<char, size_t{64} << 10> bytes;
  const ssize_t count = recv(fd_, bytes.data(), bytes.size(), flags);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count <= 0) _exit(0);
  frames_.Add({bytes.data(), static_cast<size_t>(count)});
  while (const auto body = frames_.Next()) {
    absl::StatusOr<PoolMessage> message = ParsePoolMessage(*body);
    if (!message.ok()) {
      std::fprintf(stderr, "remuda worker: bad message: %s\n",
                   std::string(message.status().message()).c_str());
      _exit(1);
    }
    take(*std::move(message));
  }
  if (frames_.broken()) _exit(0);
}

}  // namespace remuda

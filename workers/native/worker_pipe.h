#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "workers/native/task_frames.h"
#include "workers/protocol/worker_channel.h"

namespace remuda {

// The worker's end of its channel. A pool that is gone ends the process, as
// nobody wants its results any more and nothing must hold up the end.
//
// Thread: Send() any; the rest is confined to who reads.
class WorkerPipe {
 public:
  using Take = std::function<void(PoolMessage message)>;

  explicit WorkerPipe(int fd) : fd_(fd) {}

  // Sends one message, after all that were sent before.
  void Send(std::string_view message);

  // The same of messages that are frames already (worker_channel.h).
  void SendFrames(std::string_view frames) EXCLUDES(mutex_);

  // Whether one more message of progress may be sent now: of all tasks
  // together, a worker sends so many in a second.
  bool AdmitProgress(MonotonicTime now) EXCLUDES(mutex_);
  static constexpr int kProgressPerSecond = 100;

  // Waits for what comes and gives its messages to `take`.
  void Read(const Take& take) { ReadOnce(take, 0); }

  // The same without waiting.
  void ReadReady(const Take& take);

  int fd() const { return fd_; }

 private:
  void ReadOnce(const Take& take, int flags);

  const int fd_;
  WorkerFrameCutter frames_;
  Mutex mutex_;
  MonotonicTime second_began_ GUARDED_BY(mutex_);
  int progress_in_second_ GUARDED_BY(mutex_) = 0;
};

}  // namespace remuda

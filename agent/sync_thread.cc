#include "agent/sync_thread.h"

#include <utility>

#include "base/check.h"

namespace remuda {

SyncThread::SyncThread(Call call, std::function<void()> notify)
    : call_(std::move(call)), notify_(std::move(notify)) {}

SyncThread::~SyncThread() {
  {
    const MutexLock lock(mutex_);
    ends_ = true;
    wakes_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

void SyncThread::Start(int fd) {
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  const MutexLock lock(mutex_);
  CHECK(!fd_.has_value() && !result_.has_value());
  fd_ = fd;
  wakes_.NotifyOne();
}

std::optional<int> SyncThread::TakeResult() {
  const MutexLock lock(mutex_);
  return std::exchange(result_, std::nullopt);
}

void SyncThread::Run() {
  for (;;) {
    int fd = -1;
    {
      const MutexLock lock(mutex_);
      while (!ends_ && !fd_.has_value()) wakes_.Wait(mutex_);
      if (ends_) return;
      fd = *fd_;
    }
    const int result = call_(fd);
    {
      const MutexLock lock(mutex_);
      fd_.reset();
      result_ = result;
    }
    notify_();
  }
}

}  // namespace remuda

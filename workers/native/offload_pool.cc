#include "workers/native/offload_pool.h"

#include <utility>

namespace remuda {

OffloadPool::~OffloadPool() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    ends_ = true;
    threads.swap(threads_);
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads) thread.join();
}

bool OffloadPool::Submit(Work work) {
  MutexLock lock(mutex_);
  if (waiting_.size() >= kWaitingMax) return false;
  waiting_.push_back(std::move(work));
  if (waiting_.size() > idle_ && threads_.size() < kThreadsMax) {
    threads_.emplace_back([this] { Run(); });
  } else {
    changed_.NotifyOne();
  }
  return true;
}

void OffloadPool::Run() {
  for (;;) {
    Work work;
    {
      MutexLock lock(mutex_);
      ++idle_;
      while (waiting_.empty() && !ends_) changed_.Wait(mutex_);
      --idle_;
      if (waiting_.empty()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work();
  }
}

}  // namespace remuda

#pragma once

#include <functional>
#include <utility>

#include "base/mutex.h"

namespace remuda {

// Where other threads put what is to be done on the API's thread. Those who
// hold it may outlive the API: what comes after Close() is dropped.
//
// Thread: any.
class Mailbox {
 public:
  using Task = std::function<void()>;

  explicit Mailbox(std::function<void(Task)> post) : post_(std::move(post)) {}

  void Post(Task task) {
    MutexLock lock(mutex_);
    if (post_) post_(std::move(task));
  }
  void Close() {
    MutexLock lock(mutex_);
    post_ = nullptr;
  }

 private:
  Mutex mutex_;
  std::function<void(Task)> post_ GUARDED_BY(mutex_);
};

}  // namespace remuda

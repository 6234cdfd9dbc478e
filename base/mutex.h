#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "base/clock.h"

// GUARDED_BY, PT_GUARDED_BY and NO_THREAD_SAFETY_ANALYSIS are Abseil's, whose
// headers define them in any case; these are what it lacks. Clang checks
// them with -Wthread-safety; g++ does not know them.
#if defined(__clang__)
#define REMUDA_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define REMUDA_THREAD_ATTRIBUTE(x)
#endif

#define CAPABILITY(name) REMUDA_THREAD_ATTRIBUTE(capability(name))
#define SCOPED_CAPABILITY REMUDA_THREAD_ATTRIBUTE(scoped_lockable)
#define ACQUIRE(...) REMUDA_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) REMUDA_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define REQUIRES(...) REMUDA_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) REMUDA_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace remuda {

// std::mutex with the annotations above; absl::Mutex would give false reports
// under tsan, as Debian's build of it is not instrumented.
//
// Thread: any.
class CAPABILITY("mutex") Mutex {
 public:
  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds the mutex for a scope.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits for a condition that `mutex` guards. May wake without cause: wait in a
// loop that reads the condition.
//
// Thread: any.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // False if `duration` passed first.
  bool WaitFor(Mutex& mutex, Duration duration)
      REQUIRES(mutex) NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_for(lock, duration);
    lock.release();
    return status == std::cv_status::no_timeout;
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace remuda

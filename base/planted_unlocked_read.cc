// Reads, on purpose, a guarded member without its mutex.

#include "base/mutex.h"

namespace {

class Counter {
 public:
  void Add() {
    const remuda::MutexLock lock(mutex_);
    ++count_;
  }

  int count() const { return count_; }

 private:
  remuda::Mutex mutex_;
  int count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace

int main() {
  Counter counter;
  counter.Add();
  return counter.count() == 1 ? 0 : 1;
}

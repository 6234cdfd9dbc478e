// Includes, on purpose, a header of a library that its target does not name
// and only reaches through another.

#include "base/clock.h"
#include "base/mutex.h"

int main() {
  remuda::Mutex mutex;
  const remuda::MutexLock lock(mutex);
  return remuda::Duration::zero().count() == 0 ? 0 : 1;
}

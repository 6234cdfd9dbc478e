#pragma once

#include <ctime>

#include "base/clock.h"

namespace remuda {

// How long the calling thread has computed so far.
inline Duration ThreadCpuTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace remuda

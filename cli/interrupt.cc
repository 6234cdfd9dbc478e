#include "cli/interrupt.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/check.h"
#include "cli/exit_code.h"

namespace remuda {
namespace {

// Signal handlers can reach nothing but statics.
std::atomic<bool> interrupted = false;
std::atomic<int> wake = -1;

void OnSignal(int) {
  if (interrupted.exchange(true)) {
    _exit(static_cast<int>(ExitCode::kInterrupted));
  }
  const uint64_t one = 1;
  if (write(wake, &one, sizeof one) < 0) {
    _exit(static_cast<int>(ExitCode::kInterrupted));
  }
}

}  // namespace

void Interrupt::Install() {
  wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CHECK(wake >= 0);
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGINT, &action, nullptr) == 0);
  CHECK(sigaction(SIGTERM, &action, nullptr) == 0);
}

bool Interrupt::requested() { return interrupted; }

int Interrupt::descriptor() { return wake; }

}  // namespace remuda

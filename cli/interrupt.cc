#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <utility>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/clock.h"
#include "cli/exit_code.h"

namespace remuda {
namespace {

// Signal handlers can reach nothing but statics. Never freed: a signal may
// come at any moment until the process is gone.
StopFlag* interrupted = nullptr;

// Programs such as timeout(1) signal the process and then its group: two
// signals this close mean one interrupt.
constexpr Duration kOneInterrupt = std::chrono::milliseconds(300);
std::atomic<MonotonicTime> interrupted_at = MonotonicTime();

void OnSignal(int) {
  // Async-signal-safe: the clock is one system call.
  const MonotonicTime now = SystemClock().Now();
  if (!interrupted->IsSet()) {
    interrupted_at = now;
    interrupted->Set();
  } else if (now - interrupted_at.load() > kOneInterrupt) {
    _exit(static_cast<int>(ExitCode::kInterrupted));
  }
}

}  // namespace

void Interrupt::Install() {
  CHECK(interrupted == nullptr);
  absl::StatusOr<StopFlag> flag = StopFlag::Make();
  CHECK(flag.ok());
  interrupted = new StopFlag(*std::move(flag));
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGINT, &action, nullptr) == 0);
  CHECK(sigaction(SIGTERM, &action, nullptr) == 0);
}

const StopFlag* Interrupt::flag() { return interrupted; }

bool Interrupt::requested() {
  return interrupted != nullptr && interrupted->IsSet();
}

}  // namespace remuda

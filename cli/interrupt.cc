#include "cli/interrupt.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "cli/exit_code.h"

namespace remuda {
namespace {

// Signal handlers can reach nothing but statics. Never freed: a signal may
// come at any moment until the process is gone.
StopFlag* interrupted = nullptr;

// Programs such as timeout(1) signal the process and then its group: two
// signals this close mean one interrupt.
constexpr int64_t kOneInterruptMs = 300;
std::atomic<int64_t> interrupted_at_ms = 0;

int64_t NowMs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);  // async-signal-safe
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void OnSignal(int) {
  if (!interrupted->IsSet()) {
    interrupted_at_ms = NowMs();
    interrupted->Set();
  } else if (NowMs() - interrupted_at_ms > kOneInterruptMs) {
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

#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <utility>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "cli/exit_code.h"

namespace remuda {
namespace {

// Signal handlers can reach nothing but statics. Never freed: a signal may
// come at any moment until the process is gone.
StopFlag* interrupted = nullptr;

void OnSignal(int) {
  if (interrupted->IsSet()) _exit(static_cast<int>(ExitCode::kInterrupted));
  interrupted->Set();
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

#include "workers/native/crash_mark.h"

#include <array>
#include <atomic>
#include <csignal>

namespace remuda {
namespace {

constexpr std::array<int, 5> kCrashes = {SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                                         SIGABRT};

// A signal handler reaches nothing else.
std::atomic<WorkerCell*> cell_of_process = nullptr;
std::atomic<bool> is_marked = false;
thread_local std::atomic<uint64_t> task_of_thread = 0;

// Atomic stores alone; the process then dies of the same signal.
void OnCrash(int signal) {
  const uint64_t task = task_of_thread.load(std::memory_order_relaxed);
  if (task != 0 && !is_marked.exchange(true)) {
    cell_of_process.load(std::memory_order_relaxed)->Begin(task);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // when this handler has returned
}

}  // namespace

void MarkCrashesIn(WorkerCell& cell) {
  cell_of_process.store(&cell, std::memory_order_relaxed);
  struct sigaction action = {};
  action.sa_handler = &OnCrash;
  for (const int signal : kCrashes) sigaction(signal, &action, nullptr);
}

void SetTaskOfThread(uint64_t task) {
  task_of_thread.store(task, std::memory_order_relaxed);
}

bool IsCrashMarked() { return is_marked.load(std::memory_order_relaxed); }

}  // namespace remuda

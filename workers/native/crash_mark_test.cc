#include "workers/native/crash_mark.h"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

namespace remuda {
namespace {

// Runs in a child, which shares the cell: crashes on a thread that does work
// of task `task`, while the loop is in a step of task 5.
void CrashFor(WorkerCell& cell, uint64_t task, int signal) {
  MarkCrashesIn(cell);
  cell.Begin(5);
  std::thread worker([&] {
    SetTaskOfThread(7);
    SetTaskOfThread(task);
    std::raise(signal);
  });
  worker.join();
}

TEST(CrashMarkDeathTest, TheCellGetsTheTaskOfTheThread) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    auto cell = WorkerCell::Make();
    ASSERT_TRUE(cell.ok()) << cell.status();
    EXPECT_EXIT(CrashFor(*cell, 9, signal), testing::KilledBySignal(signal),
                "");
    EXPECT_EQ(cell->Current(), 9u) << signal;
  }
}

TEST(CrashMarkDeathTest, AThreadWithoutATaskChangesNothing) {
  auto cell = WorkerCell::Make();
  ASSERT_TRUE(cell.ok()) << cell.status();
  EXPECT_EXIT(CrashFor(*cell, 0, SIGSEGV), testing::KilledBySignal(SIGSEGV),
              "");
  EXPECT_EQ(cell->Current(), 5u);
  EXPECT_FALSE(IsCrashMarked());
}

}  // namespace
}  // namespace remuda

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/timer_id.h"

namespace remuda {

// The loop that a thread's work hangs on: descriptors that became ready,
// timers that are due, and tasks that other threads posted, in turns. It
// decides in which order they run, and nothing else.
//
// One turn: wait; descriptors; due timers, earliest first; posted tasks, in
// the order of posting; the turn-end hooks. A turn does a bounded amount of
// each, so that none starves the others; what is left runs in the next turn,
// which then does not wait.
//
// Thread: a loop belongs to the thread that is in Run(); while none is, to
// whoever sets it up or takes it down. Post(), Stop() and counters() may be
// called from any thread.
// Lifetime: tasks that never ran are destroyed with the loop. Descriptors and
// the clock are borrowed.
class EventLoop {
 public:
  using Task = std::function<void()>;

  // Tasks that may wait at once; more is a programmer error, because those
  // who post must bound themselves.
  static constexpr size_t kPostedMax = size_t{1} << 20;
  // How much one turn does of each kind.
  static constexpr size_t kPostedPerTurn = 256;
  static constexpr size_t kTimersPerTurn = 256;
  static constexpr size_t kDescriptorsPerTurn = 256;
  // The loop looks at the clock at least this often, so that a timer is not
  // late by the hours that the machine was suspended.
  static constexpr Duration kWaitMax = std::chrono::seconds(10);

  explicit EventLoop(const Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Turns until Stop(); may be called again afterwards.
  void Run();

  // Turns for as long as there is something to do without waiting, for tests
  // and simulations on a ManualClock. Also ends on Stop().
  void RunReady();

  // Ends Run() after the present turn, or the next one before it begins.
  void Stop();

  // Runs `task` in one of the next turns. Many posts cost one wake-up.
  void Post(Task task);

  // A time that has passed means the next turn.
  TimerId RunAt(MonotonicTime when, Task task);
  TimerId RunAfter(Duration delay, Task task);

  // Whether it was still to run.
  bool CancelTimer(TimerId timer);

  // Runs `task` in each turn in which `fd` can be read (written) without
  // blocking, or is broken. Replaces an earlier task for the same. The
  // descriptor must be one that can be waited for, not an ordinary file.
  void WatchReadable(int fd, Task task);
  void WatchWritable(int fd, Task task);

  // Ends one or both; do this before closing. Does nothing for a descriptor
  // that is not watched. A task may unwatch itself and others.
  void UnwatchReadable(int fd);
  void UnwatchWritable(int fd);
  void Unwatch(int fd);

  // Runs `hook` at the end of every turn, after the work that was ready and
  // before waiting, in the order of adding. A hook that calls Post() gets
  // another turn at once.
  void AddTurnEnd(Task hook);

  // The time when the present turn began, or the clock's outside of turns.
  MonotonicTime Now() const;
  const Clock& clock() const;

  // For CHECKs: whether this thread may touch what belongs to the loop.
  bool OnThread() const;
  void CheckOnThread() const;

  struct Counters {
    uint64_t turns = 0;
    uint64_t tasks = 0;                // posted ones that ran
    uint64_t wakeups = 0;              // system calls made to wake the thread
    Duration busy = Duration::zero();  // in turns, without the waiting
  };
  Counters counters() const;

  // Calls `observer` after each turn with how long it took, which is how long
  // anything else had to wait.
  void SetTurnObserver(std::function<void(Duration)> observer);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda

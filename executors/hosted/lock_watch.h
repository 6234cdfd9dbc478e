#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/file_descriptor.h"

namespace remuda {

// Finds out what the threads of a Python worker wait for when they wait: the
// interpreter's lock, or something else. It looks from outside at the system
// call that each is in, some twenty times a second while several tasks run, so
// it needs nothing of an interpreter that is busy. A thread that wants the lock
// waits on a futex with a time limit (every 5 ms it asks the holder to let
// go), or for the mutex that guards it; who waits for a socket, a timer or a
// process is in another call. A `threading` lock that is taken with a timeout
// looks the same, and is counted as the interpreter's. Who waits for any other
// lock waits for a thread that is seen itself, and says nothing.
//
// Thread: confined to the loop's.
// Lifetime: the loop outlives it. The process may end first.
class LockWatch {
 public:
  static constexpr Duration kLookPause = std::chrono::milliseconds(50);
  // Threads that are looked at; of more, the first.
  static constexpr size_t kThreadsMax = 64;
  // Before so many looks nothing is said.
  static constexpr int kLooksMin = 5;

  LockWatch(EventLoop& loop, pid_t process);
  ~LockWatch();
  LockWatch(const LockWatch&) = delete;
  LockWatch& operator=(const LockWatch&) = delete;

  // How many tasks the process runs from now on; it looks while those are
  // more than one, as nobody waits for a lock that only he wants.
  void SetRunning(size_t tasks);

  // Looks now. For tests; else its own timer does.
  void Look();

  // Of the threads that waited for the lock or for something outside of the
  // process, the share of the former, in the last two seconds or so of
  // looking; none while there was never more than one task. Unknown before
  // kLooksMin looks, and where the machine does not let it look.
  std::optional<double> share() const;

 private:
  struct Seen {
    int for_lock = 0;
    int outside = 0;
  };

  void Arm();
  void FindThreads();
  Seen LookAtAll();

  EventLoop& loop_;
  const pid_t process_;
  std::map<pid_t, UniqueFd> threads_;  // their `syscall` files
  size_t tasks_ = 0;
  std::optional<TimerId> timer_;
  bool had_several_ = false;
  int looks_ = 0;
  int looks_until_search_ = 0;
  bool is_blind_ = false;
  double for_lock_ = 0;  // threads seen so; older looks weigh less
  double outside_ = 0;
};

}  // namespace remuda

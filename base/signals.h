#pragma once

#include <functional>
#include <vector>

#include "base/event_loop.h"
#include "base/file_descriptor.h"

namespace remuda {

// Delivers signals as tasks of a loop, where anything may be done. What a
// signal means is its owner's decision.
//
// main() makes one before it starts any thread: threads inherit that the
// signals are blocked, so that the kernel has nowhere else to deliver them.
// Programs that are started inherit it too; use Unblock() between fork and
// exec.
//
// Thread: made by the main thread; the handler runs on the loop.
// Lifetime: destruction stops watching and leaves the signals blocked, as
// one that arrives late must not kill a process that is shutting down.
class SignalSet {
 public:
  // Of several signals of one kind that wait, the kernel keeps one: SIGCHLD
  // means "look at your children", not "one has ended".
  using Handler = std::function<void(int signal)>;

  // `signals`: SIGTERM, SIGINT, SIGCHLD and the like.
  explicit SignalSet(const std::vector<int>& signals);
  ~SignalSet();
  SignalSet(const SignalSet&) = delete;
  SignalSet& operator=(const SignalSet&) = delete;

  // From now on until Unwatch(); what arrived before is delivered too.
  void Watch(EventLoop& loop, Handler handler);
  void Unwatch();

  // Unblocks all signals of the calling thread. Async-signal-safe.
  static void Unblock();

 private:
  void Deliver();

  UniqueFd fd_;
  EventLoop* loop_ = nullptr;
  Handler handler_;
};

}  // namespace remuda

#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "executors/processes/child_process.h"
#include "executors/processes/spawn_message.h"

namespace remuda {

// The spawner's end of one zygote: a process of a worker's program that forks
// ready workers (docs/WORKER_PROTOCOL.md). A worker that it forks is a child
// of the spawner, in a session of its own, and differs in nothing that the
// spawner relies on from one that was started by StartChild(). When there
// should be a zygote is its owner's decision.
//
// Thread: the only one of a single-threaded process.
// Lifetime: destruction kills it; its owner reaps it, as any child.
class Zygote {
 public:
  // Starts one for programs like `like`. It is of no use before ready().
  // Null where none can be started.
  static std::unique_ptr<Zygote> Start(const SpawnRequest& like);
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  pid_t pid() const { return pid_; }
  bool ready() const { return state_ == State::kReady; }
  // It has ended, or broken its word and been killed.
  bool gone() const { return state_ == State::kGone; }

  // Readable when Read() has something.
  int fd() const { return socket_.get(); }
  void Read();

  // It was reaped, so that its number may be another's.
  void NoteReaped() { state_ = State::kGone; }

  // Starts the program of `plan` by a fork. Nothing of it runs on if this
  // returns nothing, and then the zygote is gone. Waits for an answer, no
  // longer than `patience` and not long.
  std::optional<pid_t> Fork(const SpawnRequest& request, const ChildPlan& plan,
                            Duration patience);

 private:
  enum class State { kStarting, kReady, kGone };

  Zygote(UniqueFd socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}

  bool Ask(const SpawnRequest& request, const ChildPlan& plan, int begin);
  std::optional<pid_t> AwaitWorker(Duration patience);
  void GiveUp();

  UniqueFd socket_;
  const pid_t pid_;
  State state_ = State::kStarting;
};

}  // namespace remuda

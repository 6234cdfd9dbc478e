#pragma once

#include <cstddef>
#include <span>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "jobs/attempt.h"
#include "jobs/ids.h"
#include "jobs/outcome.h"

namespace remuda {

// Which attempts an executor holds, from Start() until their outcome is taken,
// and hence what it accepts. An outcome that waits to be taken still fills its
// place, so this bounds that queue too. Knows nothing of what attempts do.
//
// Thread: confined to the agent's control loop.
// Lifetime: its executor's.
class Admission {
 public:
  explicit Admission(size_t slots) : slots_(slots) {}

  // How many more attempts there is room for.
  size_t room() const {
    return held_.size() < slots_ ? slots_ - held_.size() : 0;
  }

  // Takes in the whole batch or nothing of it.
  // Errors: as Executor::Start() says; InvalidArgument for an id that is held.
  absl::Status Admit(std::span<const Attempt> batch, size_t capacity);

  void Release(std::span<const Outcome> outcomes);

  // Nothing is admitted any more.
  void Close() { closed_ = true; }

  bool holds(AttemptId id) const { return held_.contains(id); }

 private:
  const size_t slots_;
  bool closed_ = false;
  absl::flat_hash_set<AttemptId> held_;
};

}  // namespace remuda

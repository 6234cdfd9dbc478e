#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "wire/wire_context.h"

namespace remuda {

// The embedded default: a coordinator and, where work is to be done, an agent
// inside this process, joined by ipc:// in a folder of the user's own. One
// process at a time hosts a folder; others connect to it.
//
// Thread: one; the servers have threads of their own.
// Lifetime: borrows context and clock. Destruction drains the agent, stops
// both servers and frees the folder.
class Embedded {
 public:
  enum class Needs {
    kCoordinator,  // to ask or cancel
    kAgent,        // to get work done too
  };

  // Errors: FailedPrecondition if the folder cannot be used, is not the
  // user's own, or stays taken by a process that runs no agent.
  static absl::StatusOr<std::unique_ptr<Embedded>> Open(
      const std::string& folder, Needs needs, WireContext& context,
      const Clock& clock);

  virtual ~Embedded() = default;

  virtual std::string endpoint() const = 0;

  // False if another process hosts the folder.
  virtual bool hosts() const = 0;
};

}  // namespace remuda

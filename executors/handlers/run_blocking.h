#pragma once

#include <map>
#include <memory>
#include <stop_token>

#include "executors/handlers/blocking_handler.h"
#include "jobs/attempt.h"
#include "jobs/outcome.h"

namespace remuda {

// What one thread holds for the handlers that it has run.
//
// Thread: confined to that thread.
class ThreadStates {
 public:
  // Null if the handler wants none.
  BlockingHandler::ThreadState* Of(BlockingHandler& handler);

 private:
  std::map<BlockingHandler*, std::unique_ptr<BlockingHandler::ThreadState>>
      states_;
};

// Renders the parameters and runs the attempt on this thread, to its end. An
// exception from a library becomes an error. Wall and CPU time are the
// caller's to fill in.
Outcome RunBlocking(BlockingHandler& handler, const Attempt& attempt,
                    ThreadStates& states, const std::stop_token& stop);

}  // namespace remuda

#include "executors/handlers/run_blocking.h"

#include <exception>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace remuda {
namespace {

HandlerResult Run(BlockingHandler& handler, const Attempt& attempt,
                  ThreadStates& states, const std::stop_token& stop) {
  const absl::StatusOr<std::string> parameters =
      attempt.work->parameters.Render(attempt.item, attempt.id.task);
  if (!parameters.ok()) {
    return Failed(std::string(parameters.status().message()));
  }
  try {
    return handler.Run(attempt, *parameters, states.Of(handler), stop);
  } catch (const std::exception& thrown) {
    return Failed(std::string("the handler threw: ") + thrown.what());
  }
}

}  // namespace

BlockingHandler::ThreadState* ThreadStates::Of(BlockingHandler& handler) {
  const auto found = states_.find(&handler);
  if (found != states_.end()) return found->second.get();
  return states_.emplace(&handler, handler.MakeThreadState())
      .first->second.get();
}

Outcome RunBlocking(BlockingHandler& handler, const Attempt& attempt,
                    ThreadStates& states, const std::stop_token& stop) {
  HandlerResult result = Run(handler, attempt, states, stop);
  Outcome outcome;
  outcome.id = attempt.id;
  outcome.ending = result.ending;
  outcome.output = std::move(result.output);
  outcome.error = std::move(result.error);
  outcome.usage.bytes_in = result.bytes_in;
  outcome.usage.bytes_out = result.bytes_out;
  return outcome;
}

}  // namespace remuda

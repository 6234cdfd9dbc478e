#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "jobs/outcome.h"

namespace remuda {

// What a handler says of its attempt; the executor makes an Outcome of it.
struct HandlerResult {
  Ending ending = Ending::kSucceeded;
  std::string output;  // JSON text; empty means null
  std::string error;   // for a person
  std::optional<uint64_t> bytes_in;
  std::optional<uint64_t> bytes_out;
};

inline HandlerResult Failed(std::string error) {
  HandlerResult result;
  result.ending = Ending::kError;
  result.error = std::move(error);
  return result;
}

// The handler gave up because it was asked to.
inline HandlerResult Stopped() {
  HandlerResult result;
  result.ending = Ending::kCancelled;
  return result;
}

}  // namespace remuda

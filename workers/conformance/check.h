#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "workers/conformance/conversation.h"

namespace remuda {

// What a check may use: each call starts a worker of its own.
struct CheckRoom {
  ConversationOptions options;
  const Clock* clock;
  ConversationFaults* faults;

  absl::StatusOr<Conversation> Greeted(uint64_t slots = 1) const;
};

// One promise of docs/WORKER_PROTOCOL.md.
struct Check {
  std::string name;
  std::string meaning;             // one sentence
  std::string rule;                // the page's sentence that it holds up
  std::vector<std::string> modes;  // empty: all
  // OK: kept. Unavailable: it cannot be seen with this worker. Any other
  // status says what was seen instead.
  std::function<absl::Status(const CheckRoom&)> run;
  // Without it no other check makes sense.
  bool is_fundamental = false;
};

// In the order in which they run.
std::vector<Check> GreetingChecks();
std::vector<Check> TaskChecks();
std::vector<Check> FrameChecks();
std::vector<Check> CellChecks();
std::vector<Check> EndingChecks();

}  // namespace remuda

#include <sys/wait.h>

#include <chrono>
#include <string>

#include "workers/conformance/check.h"

namespace remuda {
namespace {

absl::Status Drain(const CheckRoom& room) {
  auto talk = room.Greeted(2);
  if (!talk.ok()) return talk.status();
  if (talk->credits() < 3) {
    return absl::UnavailableError("it takes fewer than three tasks");
  }
  const uint64_t first = talk->Give(std::vector<GivenTask>(
      3, {.check = "sleep", .arguments = "{\"seconds\":0.2}"}));
  talk->SendMessage("{\"type\":\"drain\"}");
  for (uint64_t id = first; id < first + 3; ++id) {
    absl::Status ended = talk->ExpectEnding(id, "succeeded");
    if (!ended.ok()) return ended;
  }
  const auto status = talk->worker().AwaitExit(room.options.patience);
  if (status.has_value() && WIFEXITED(*status) && WEXITSTATUS(*status) == 0) {
    return absl::OkStatus();
  }
  return talk->Failure("it did not exit with 0");
}

absl::Status ChannelEnd(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  const uint64_t id = talk->Give({{.check = "echo", .arguments = "{\"n\":1}"}});
  absl::Status ended = talk->ExpectEcho(id, "{\"n\":1}");
  if (!ended.ok()) return ended;
  talk->worker().CloseChannel();
  if (!talk->worker().AwaitExit(room.options.patience).has_value()) {
    return talk->Failure("it did not end");
  }
  const std::vector<pid_t> left = talk->worker().Processes();
  if (left.empty()) return absl::OkStatus();
  return talk->Failure("process " + std::to_string(left.front()) +
                       " of it lives on");
}

// What all conversations so far have shown.
absl::Status Faultless(const std::string& fault) {
  return fault.empty() ? absl::OkStatus() : absl::InternalError(fault);
}

}  // namespace

std::vector<Check> EndingChecks() {
  return {
      {.name = "drain",
       .meaning = "Told to drain, it does what it holds and exits with 0.",
       .rule = "`drain`: do what is held, then exit with 0.",
       .run = Drain},
      {.name = "channel_end",
       .meaning = "When the channel ends, so does the worker.",
       .rule = "It ends when it reads the end of the channel.",
       .run = ChannelEnd},
      {.name = "once",
       .meaning = "In all of the above no task ended twice.",
       .rule = "Each task gets exactly one end.",
       .run = [](const CheckRoom& r) { return Faultless(r.faults->doubled); }},
      {.name = "log_first",
       .meaning = "In all of the above no output came after its task's end.",
       .rule = "`log`: what a task printed, before its end is sent.",
       .run = [](const CheckRoom& r) { return Faultless(r.faults->late_log); }},
      {.name = "frames",
       .meaning = "In all of the above each frame was one that an agent takes.",
       .rule = "A type that is not known is an error on the agent's side.",
       .run =
           [](const CheckRoom& r) { return Faultless(r.faults->malformed); }},
  };
}

}  // namespace remuda

#include <algorithm>
#include <chrono>

#include "workers/conformance/check.h"

namespace remuda {
namespace {

// How long something that must not come is waited for.
constexpr std::chrono::milliseconds kQuiet(300);

absl::Status Hello(const CheckRoom& room) {
  auto talk = Conversation::Start(room.options, *room.clock, *room.faults);
  if (!talk.ok()) return talk.status();
  absl::Status greeted = talk->AwaitHello();
  if (!greeted.ok()) return greeted;
  const WorkerWords& hello = *talk->hello();
  if (hello.protocol != uint64_t{kWorkerProtocol}) {
    return talk->Failure(
        "hello names protocol " +
        (hello.protocol ? std::to_string(*hello.protocol) : "no number") +
        " instead of " + std::to_string(kWorkerProtocol));
  }
  const std::vector<pid_t> living = talk->worker().Processes();
  const auto pid = static_cast<pid_t>(hello.pid.value_or(0));
  if (std::find(living.begin(), living.end(), pid) == living.end()) {
    return talk->Failure("hello's pid " + std::to_string(pid) +
                         " is no process of the worker's session");
  }
  if (hello.language.empty()) return talk->Failure("hello names no language");
  if (std::find(hello.modes.begin(), hello.modes.end(), room.options.mode) ==
      hello.modes.end()) {
    return talk->Failure("hello does not offer the mode " + room.options.mode);
  }
  return absl::OkStatus();
}

absl::Status Ready(const CheckRoom& room) {
  auto talk = Conversation::Start(room.options, *room.clock, *room.faults);
  if (!talk.ok()) return talk.status();
  absl::Status greeted = talk->AwaitHello();
  if (!greeted.ok()) return greeted;
  talk->Listen(kQuiet);
  if (talk->ready()) {
    return talk->Failure("'ready' came before 'welcome' was sent");
  }
  talk->SendWelcome();
  return talk->AwaitReady();
}

absl::Status Ping(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  for (const uint64_t number : {uint64_t{1}, uint64_t{4711}}) {
    talk->SendMessage(
        "{\"type\":\"ping\",\"number\":" + std::to_string(number) + "}");
    if (!talk->AwaitPong(number)) {
      return talk->Failure("no pong with the number " + std::to_string(number));
    }
  }
  return absl::OkStatus();
}

absl::Status Descriptors(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  std::string inherited;
  for (const std::string& fd : talk->worker().InheritedDescriptors(
           static_cast<pid_t>(talk->hello()->pid.value_or(0)))) {
    inherited += (inherited.empty() ? "" : ", ") + fd;
  }
  if (inherited.empty()) return absl::OkStatus();
  return talk->Failure(
      "without the close-on-exec flag, so that programs it starts inherit "
      "them: " +
      inherited);
}

absl::Status Sigterm(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  talk->worker().Signal(SIGTERM);
  const uint64_t first =
      talk->Give({{.check = "sleep", .arguments = "{\"seconds\":0.5}"},
                  {.check = "echo", .arguments = "{\"n\":1}"}});
  talk->Listen(std::chrono::milliseconds(200));
  talk->worker().Signal(SIGTERM);
  absl::Status slept = talk->ExpectEnding(first, "succeeded");
  if (!slept.ok()) return slept;
  return talk->ExpectEcho(first + 1, "{\"n\":1}");
}

}  // namespace

absl::StatusOr<Conversation> CheckRoom::Greeted(uint64_t slots) const {
  ConversationOptions wanted = options;
  wanted.slots = slots;
  auto talk = Conversation::Start(wanted, *clock, *faults);
  if (!talk.ok()) return talk.status();
  absl::Status status = talk->AwaitHello();
  if (!status.ok()) return status;
  talk->SendWelcome();
  status = talk->AwaitReady();
  if (!status.ok()) return status;
  return talk;
}

std::vector<Check> GreetingChecks() {
  return {
      {.name = "hello",
       .meaning = "It says hello first, with protocol, language and pid.",
       .rule = "`hello` comes first, within the agent's patience.",
       .run = Hello,
       .is_fundamental = true},
      {.name = "ready",
       .meaning = "It says ready after welcome, with credits.",
       .rule = "`ready`: required once, after `welcome`.",
       .run = Ready,
       .is_fundamental = true},
      {.name = "ping",
       .meaning = "While idle it answers pings.",
       .rule = "`ping` is answered by `pong`.",
       .run = Ping},
      {.name = "descriptors",
       .meaning = "Programs that it starts do not get its descriptors.",
       .rule = "A worker hands neither descriptor on to programs that it "
               "starts.",
       .run = Descriptors},
      {.name = "sigterm",
       .meaning = "SIGTERM ends neither the worker nor a task.",
       .rule = "SIGTERM never means the end.",
       .run = Sigterm},
  };
}

}  // namespace remuda

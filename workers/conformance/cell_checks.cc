#include <chrono>
#include <string>

#include "workers/conformance/check.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;

GivenTask Timed(const std::string& check, const std::string& seconds) {
  return {.check = check, .arguments = "{\"seconds\":" + seconds + "}"};
}

GivenTask Echo() { return {.check = "echo", .arguments = "{\"n\":1}"}; }

// Whether the cell holds `wanted` within the patience.
absl::Status ExpectCurrent(Conversation& talk, uint64_t wanted,
                           const std::string& when) {
  const MonotonicTime deadline = talk.clock().Now() + talk.options().patience;
  while (talk.worker().cell().Current() != wanted) {
    if (talk.clock().Now() > deadline || talk.worker().channel_ended()) {
      return talk.Failure("the cell's `current` is " +
                          std::to_string(talk.worker().cell().Current()) +
                          " instead of " + std::to_string(wanted) + " " + when);
    }
    talk.Listen(milliseconds(5));
  }
  return absl::OkStatus();
}

// Looks while the task runs: `check` holds the worker for a while.
absl::Status ExpectNamed(Conversation& talk, const GivenTask& task) {
  const uint64_t id = talk.Give({task});
  bool named = false;
  while (!talk.ends().contains(id) && !talk.worker().channel_ended()) {
    named |= talk.worker().cell().Current() == id;
    if (named) break;
    talk.Listen(milliseconds(2));
  }
  if (!named) {
    return talk.Failure("task " + std::to_string(id) +
                        " ran, and the cell's `current` never named it");
  }
  absl::Status ended = talk.ExpectEnding(id, "succeeded");
  if (!ended.ok()) return ended;
  return ExpectCurrent(talk, 0, "when it waits for messages");
}

absl::Status Current(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  absl::Status first = ExpectNamed(*talk, Timed("sleep", "0.3"));
  if (!first.ok()) return first;
  return ExpectNamed(*talk, Timed("sleep", "0.3"));
}

absl::Status LoopCurrent(const CheckRoom& room) {
  auto talk = room.Greeted(4);
  if (!talk.ok()) return talk.status();
  absl::Status first = ExpectNamed(*talk, Timed("block", "0.4"));
  if (!first.ok()) return first;
  // One that waits holds nothing.
  const uint64_t waits = talk->Give({Timed("sleep", "0.6")});
  talk->Listen(milliseconds(200));
  absl::Status idle = ExpectCurrent(*talk, 0, "while its task only waits");
  if (!idle.ok()) return idle;
  return talk->ExpectEnding(waits, "succeeded");
}

absl::Status Revoked(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  if (talk->credits() < 5) {
    return absl::UnavailableError("it takes fewer than five tasks");
  }
  std::vector<GivenTask> tasks(5, Timed("sleep", "0.01"));
  tasks[0] = Timed("sleep", "1");
  const uint64_t first = talk->Give(tasks);
  // Those at the end have not begun, however slow or fast the worker is.
  talk->Listen(milliseconds(200));
  talk->worker().cell().Revoke(first + 2, first + 5);
  for (uint64_t i = 0; i < tasks.size(); ++i) {
    absl::Status ended =
        talk->ExpectEnding(first + i, i < 2 ? "succeeded" : "returned");
    if (!ended.ok()) return ended;
  }
  const uint64_t later = talk->Give({Echo()});
  return talk->ExpectEcho(later, "{\"n\":1}");
}

}  // namespace

std::vector<Check> CellChecks() {
  return {
      {.name = "cell_current",
       .meaning = "The cell names the task that runs, and 0 when none does.",
       .rule = "Before each task the worker writes its id to `current`; "
               "before it waits for messages it writes 0.",
       .modes = {"process"},
       .run = Current},
      {.name = "cell_revoked",
       .meaning = "Tasks that were taken back do not begin.",
       .rule = "A task with `revoked_first <= id < revoked_end` was taken "
               "back, must not begin, and ends as `returned`.",
       .modes = {"process"},
       .run = Revoked},
      {.name = "cell_loop",
       .meaning = "The cell names the task that holds the loop.",
       .rule = "Mode `loop`: `current` is the task whose code the loop runs "
               "at this moment, 0 between steps.",
       .modes = {"loop"},
       .run = LoopCurrent},
  };
}

}  // namespace remuda

#include <algorithm>
#include <chrono>
#include <string>

#include "jobs/json_text.h"
#include "workers/conformance/check.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kManyTasks = 10'000;

// How long output may take to reach its file.
constexpr std::chrono::seconds kPrintPatience(3);

GivenTask Echo(uint64_t n) {
  return {.check = "echo", .arguments = "{\"n\":" + std::to_string(n) + "}"};
}

GivenTask Sleep(const std::string& seconds) {
  return {.check = "sleep", .arguments = "{\"seconds\":" + seconds + "}"};
}

absl::Status Single(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  return talk->ExpectEcho(talk->Give({Echo(4711)}), "{\"n\":4711}");
}

absl::Status ErrorText(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  const std::string text = "it cannot be done on a Tuesday";
  const uint64_t first = talk->Give(
      {{.check = "fail", .arguments = "{\"text\":" + JsonString(text) + "}"},
       Echo(1)});
  absl::Status failed = talk->ExpectEnding(first, "error");
  if (!failed.ok()) return failed;
  const std::string& said = talk->ends().at(first).error;
  if (said.find(text) == std::string::npos) {
    return talk->Failure("the error says '" + said + "' without '" + text +
                         "'");
  }
  return talk->ExpectEcho(first + 1, "{\"n\":1}");
}

absl::Status Batch(const CheckRoom& room) {
  auto talk = room.Greeted(4);
  if (!talk.ok()) return talk.status();
  std::vector<GivenTask> tasks;
  for (uint64_t n = 0; n < 50; ++n) tasks.push_back(Echo(n));
  const uint64_t first = talk->Give(tasks);
  for (uint64_t n = 0; n < tasks.size(); ++n) {
    absl::Status ended = talk->ExpectEcho(first + n, tasks[n].arguments);
    if (!ended.ok()) return ended;
  }
  return absl::OkStatus();
}

absl::Status SharedParameters(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  if (talk->credits() < 2) {
    return absl::UnavailableError("it takes one task at a time");
  }
  const uint64_t first = talk->TakeIds(2);
  const auto place = [&](uint64_t id) {
    return "{\"id\":\"" + std::to_string(id) + "\",\"index\":\"" +
           std::to_string(id) + "\",\"attempt\":1,\"item\":null";
  };
  talk->SendMessage("{\"type\":\"tasks\",\"job\":\"7\",\"job_type\":" +
                    JsonString(talk->TypeOf(Echo(1))) +
                    ",\"parameters\":" + talk->ParametersOf(Echo(1)) +
                    ",\"tasks\":[" + place(first) + "}," + place(first + 1) +
                    ",\"parameters\":" + talk->ParametersOf(Echo(2)) + "}]}");
  absl::Status shared = talk->ExpectEcho(first, "{\"n\":1}");
  if (!shared.ok()) return shared;
  return talk->ExpectEcho(first + 1, "{\"n\":2}");
}

absl::Status Range(const CheckRoom& room) {
  auto talk = room.Greeted(4);
  if (!talk.ok()) return talk.status();
  constexpr uint64_t kCount = 100;
  const uint64_t first = talk->GiveRange(kCount, Echo(9));
  for (uint64_t id = first; id < first + kCount; ++id) {
    absl::Status ended = talk->ExpectEcho(id, "{\"n\":9}");
    if (!ended.ok()) return ended;
  }
  return absl::OkStatus();
}

absl::Status Order(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  std::vector<GivenTask> tasks;
  for (uint64_t n = 0; n < 20; ++n) {
    tasks.push_back(n % 5 == 0 ? Sleep("0.02") : Echo(n));
  }
  absl::Status ended = talk->AwaitEnds(talk->Give(tasks), tasks.size());
  if (!ended.ok()) return ended;
  const auto& order = talk->order();
  const auto out = std::is_sorted_until(order.begin(), order.end());
  if (out == order.end()) return absl::OkStatus();
  return talk->Failure("task " + std::to_string(*out) + " ended after task " +
                       std::to_string(*(out - 1)));
}

// Whether `count` sleeps of `seconds` take so long that no more than
// `at_once` ran side by side.
absl::Status ExpectTurns(Conversation& talk, uint64_t count, double seconds,
                         uint64_t at_once) {
  const MonotonicTime began = talk.clock().Now();
  const uint64_t first =
      talk.Give(std::vector<GivenTask>(count, Sleep(std::to_string(seconds))));
  absl::Status ended = talk.AwaitEnds(first, count);
  if (!ended.ok()) return ended;
  const std::chrono::duration<double> took = talk.clock().Now() - began;
  const double least =
      seconds * static_cast<double>((count + at_once - 1) / at_once);
  // Clocks of two languages may differ by a little.
  if (took.count() >= least * 0.95) return absl::OkStatus();
  return talk.Failure(std::to_string(count) + " sleeps of " +
                      std::to_string(seconds) + " s took " +
                      std::to_string(took.count()) + " s, so more than " +
                      std::to_string(at_once) + " ran side by side");
}

absl::Status Turns(const CheckRoom& room) {
  const bool one = room.options.mode == "process";
  auto talk = room.Greeted(one ? 1 : 2);
  if (!talk.ok()) return talk.status();
  return ExpectTurns(*talk, one ? 3 : 6, 0.3, one ? 1 : 2);
}

absl::Status SideBySide(const CheckRoom& room) {
  constexpr uint64_t kSlots = 16;
  auto talk = room.Greeted(kSlots);
  if (!talk.ok()) return talk.status();
  if (talk->credits() < kSlots) {
    return talk->Failure("it wants only " + std::to_string(talk->credits()) +
                         " tasks, with " + std::to_string(kSlots) + " slots");
  }
  const MonotonicTime began = talk->clock().Now();
  const uint64_t first = talk->Give(std::vector<GivenTask>(kSlots, Sleep("1")));
  absl::Status ended = talk->AwaitEnds(first, kSlots);
  if (!ended.ok()) return ended;
  // One after the other they would take twice this.
  if (talk->clock().Now() - began < std::chrono::seconds(8)) {
    return absl::OkStatus();
  }
  return talk->Failure("16 sleeps of 1 s with 16 slots took more than 8 s");
}

absl::Status Cancel(const CheckRoom& room) {
  auto talk = room.Greeted(2);
  if (!talk.ok()) return talk.status();
  const uint64_t first = talk->Give({Sleep("600"), Echo(2)});
  talk->Listen(milliseconds(300));
  talk->Cancel(first);
  absl::Status stopped = talk->ExpectEnding(first, "cancelled");
  if (!stopped.ok()) return stopped;
  return talk->ExpectEcho(first + 1, "{\"n\":2}");
}

absl::Status CancelUnknown(const CheckRoom& room) {
  auto talk = room.Greeted(2);
  if (!talk.ok()) return talk.status();
  const uint64_t first = talk->Give({Echo(1)});
  absl::Status ended = talk->ExpectEcho(first, "{\"n\":1}");
  if (!ended.ok()) return ended;
  const uint64_t second = talk->Give({Sleep("0.4"), Echo(2)});
  talk->Listen(milliseconds(100));
  talk->Cancel(first);    // has ended
  talk->Cancel(999'999);  // never was
  ended = talk->ExpectEnding(second, "succeeded");
  if (!ended.ok()) return ended;
  return talk->ExpectEcho(second + 1, "{\"n\":2}");
}

absl::Status Prints(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  const std::string text = "printed by task 4711";
  const uint64_t id = talk->Give(
      {{.check = "print", .arguments = "{\"text\":" + JsonString(text) + "}"}});
  absl::Status ended = talk->ExpectEnding(id, "succeeded");
  if (!ended.ok()) return ended;
  const MonotonicTime deadline = talk->clock().Now() + kPrintPatience;
  while (talk->PrintedBy(id).find(text) == std::string::npos &&
         talk->worker().ReadStdout().find(text) == std::string::npos) {
    if (talk->clock().Now() > deadline) {
      return talk->Failure(
          "what a task printed is neither in a log nor in the file that is "
          "its standard output");
    }
    talk->Listen(milliseconds(20));
  }
  return talk->ExpectEcho(talk->Give({Echo(3)}), "{\"n\":3}");
}

absl::Status Many(const CheckRoom& room) {
  auto talk = room.Greeted(16);
  if (!talk.ok()) return talk.status();
  std::vector<GivenTask> tasks(kManyTasks, Echo(5));
  const uint64_t first = talk->Give(tasks);
  absl::Status ended = talk->AwaitEnds(first, kManyTasks);
  if (!ended.ok()) return ended;
  for (const auto& [id, end] : talk->ends()) {
    if (end.ending != "succeeded") {
      return talk->Failure("task " + std::to_string(id) + " ended as '" +
                           end.ending + "'");
    }
  }
  return absl::OkStatus();
}

std::vector<Check> RunningChecks() {
  return {
      {.name = "order",
       .meaning = "Ends come in the order in which tasks were given.",
       .rule = "In mode `process` ends come in the order in which tasks were "
               "given.",
       .modes = {"process"},
       .run = Order},
      {.name = "turns",
       .meaning = "No more tasks run at once than it has slots.",
       .rule = "`process`: one task at the same time; `threads`, `loop`: up "
               "to `slots`.",
       .run = Turns},
      {.name = "side_by_side",
       .meaning = "As many tasks run at once as it has slots.",
       .rule = "Tasks begin in the order in which they were given, as slots "
               "come free.",
       .modes = {"threads", "loop"},
       .run = SideBySide},
      {.name = "cancel",
       .meaning = "A task that is asked to stop stops, the next one runs.",
       .rule = "`cancel`: the task should stop, if it runs.",
       .run = Cancel},
      {.name = "cancel_unknown",
       .meaning = "A cancel of a task that it does not run changes nothing.",
       .rule = "`cancel`: if it has not begun it need not.",
       .run = CancelUnknown},
      {.name = "prints",
       .meaning = "What a task prints is kept and disturbs nothing.",
       .rule = "Standard output and error are never part of the protocol.",
       .run = Prints},
      {.name = "many",
       .meaning = "Of 10,000 tasks none is lost.",
       .rule = "Each task gets exactly one end.",
       .run = Many},
  };
}

}  // namespace

std::vector<Check> TaskChecks() {
  std::vector<Check> checks = {
      {.name = "echo",
       .meaning = "It runs a task and returns its result as JSON text.",
       .rule = "`output` is the value as JSON *text* inside a string.",
       .run = Single,
       .is_fundamental = true},
      {.name = "error",
       .meaning = "A task that fails says why, and the next one runs.",
       .rule = "`error` is for a person, its first line saying most.",
       .run = ErrorText},
      {.name = "batch",
       .meaning = "Tasks of one message each get their own parameters.",
       .rule = "`tasks` adds tasks at the end of what the worker holds.",
       .run = Batch},
      {.name = "shared",
       .meaning = "Parameters of the message hold for tasks without.",
       .rule = "Parameters of a task win over the shared ones.",
       .run = SharedParameters},
      {.name = "range",
       .meaning = "A range is as many tasks as it counts.",
       .rule = "Where only id and index differ, `range` stands for `tasks`.",
       .run = Range},
  };
  for (Check& check : RunningChecks()) checks.push_back(std::move(check));
  return checks;
}

}  // namespace remuda

#include <string>

#include "jobs/json_text.h"
#include "workers/conformance/check.h"

namespace remuda {
namespace {

constexpr size_t kBigBytes = size_t{4} << 20;

GivenTask EchoText(const std::string& text) {
  return {.check = "echo", .arguments = "{\"text\":" + JsonString(text) + "}"};
}

// A message with one echo and `extra` at its beginning and in its task.
std::string OneTask(Conversation& talk, const GivenTask& task, uint64_t id,
                    const std::string& extra) {
  return "{" + extra + "\"type\":\"tasks\",\"job\":\"7\",\"job_type\":" +
         JsonString(talk.TypeOf(task)) + ",\"tasks\":[{" + extra + "\"id\":\"" +
         std::to_string(id) +
         "\",\"index\":\"0\",\"attempt\":1,\"item\":null,\"parameters\":" +
         talk.ParametersOf(task) + "}]}";
}

absl::Status UnknownMember(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  const GivenTask task = EchoText("known");
  const uint64_t id = talk->TakeIds(1);
  talk->SendMessage(OneTask(
      *talk, task, id, "\"a_later_version\":{\"says\":[1,null,\"more\"]},"));
  return talk->ExpectEcho(id, task.arguments);
}

absl::Status UnknownType(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  talk->SendMessage("{\"type\":\"of_a_later_version\",\"id\":\"1\"}");
  const GivenTask task = EchoText("known");
  return talk->ExpectEcho(talk->Give({task}), task.arguments);
}

absl::Status BigFrame(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  const GivenTask task = EchoText(std::string(kBigBytes, 'b'));
  return talk->ExpectEcho(talk->Give({task}), task.arguments);
}

absl::Status SplitFrames(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  const GivenTask task = EchoText("in pieces");
  const uint64_t id = talk->TakeIds(1);
  const std::string frame = WorkerFrame(OneTask(*talk, task, id, ""));
  for (size_t i = 0; i < frame.size(); ++i) {
    if (!talk->worker().Send(frame.substr(i, 1), room.options.patience)) break;
    // So that the worker wakes up between bytes, at least in the length.
    if (i < 16) talk->Listen(std::chrono::milliseconds(10));
  }
  return talk->ExpectEcho(id, task.arguments);
}

absl::Status JoinedFrames(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  if (talk->credits() < 3) {
    return absl::UnavailableError("it takes fewer than three tasks");
  }
  const GivenTask task = EchoText("one of three");
  const uint64_t first = talk->TakeIds(3);
  std::string frames;
  for (uint64_t id = first; id < first + 3; ++id) {
    frames += WorkerFrame(OneTask(*talk, task, id, ""));
  }
  talk->worker().Send(frames, room.options.patience);
  for (uint64_t id = first; id < first + 3; ++id) {
    absl::Status ended = talk->ExpectEcho(id, task.arguments);
    if (!ended.ok()) return ended;
  }
  return absl::OkStatus();
}

absl::Status Text(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  const GivenTask task =
      EchoText("Zo\u00eb \u8a9e \U0001F600 \u2028 \" \\ \n\t\x01 </end>");
  return talk->ExpectEcho(talk->Give({task}), task.arguments);
}

absl::Status Numbers(const CheckRoom& room) {
  auto talk = room.Greeted();
  if (!talk.ok()) return talk.status();
  const GivenTask task = EchoText("far out");
  const uint64_t id = talk->TakeIds(1);
  talk->SendMessage(
      "{\"type\":\"tasks\",\"job\":\"18446744073709551615\",\"job_type\":" +
      JsonString(talk->TypeOf(task)) + ",\"tasks\":[{\"id\":\"" +
      std::to_string(id) +
      "\",\"index\":\"9007199254740993\",\"attempt\":4294967295,"
      "\"item\":\"x\",\"parameters\":" +
      talk->ParametersOf(task) + "}]}");
  return talk->ExpectEcho(id, task.arguments);
}

}  // namespace

std::vector<Check> FrameChecks() {
  return {
      {.name = "unknown_member",
       .meaning = "Members that it does not know change nothing.",
       .rule = "Members that are not known are ignored.",
       .run = UnknownMember},
      {.name = "unknown_type",
       .meaning = "A message of a type that it does not know is passed over.",
       .rule = "A type that is not known is ignored by workers.",
       .run = UnknownType},
      {.name = "big_frame",
       .meaning = "A parameter of 4 MiB comes in and goes out whole.",
       .rule = "Each message is at most 64 MiB.",
       .run = BigFrame},
      {.name = "split_frames",
       .meaning = "A frame may arrive byte by byte.",
       .rule = "Each message is four bytes of big-endian length and so many "
               "bytes of UTF-8 JSON.",
       .run = SplitFrames},
      {.name = "joined_frames",
       .meaning = "Several frames may arrive at once.",
       .rule = "Each message is four bytes of big-endian length and so many "
               "bytes of UTF-8 JSON.",
       .run = JoinedFrames},
      {.name = "text",
       .meaning = "Text of any language comes back as it was.",
       .rule = "So many bytes of UTF-8 JSON.",
       .run = Text},
      {.name = "numbers",
       .meaning = "Numbers of jobs and tasks may be as large as 64 bits are.",
       .rule = "`index` and `job` are numbers as strings.",
       .run = Numbers},
  };
}

}  // namespace remuda

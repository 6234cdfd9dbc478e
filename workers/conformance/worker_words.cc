#include "workers/conformance/worker_words.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace remuda {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 12> kTypes = {
    "hello", "ready",   "result", "error",    "results", "log",
    "facts", "finding", "pong",   "progress", "full",    "started"};

std::string Text(const json& message, const char* name) {
  const auto found = message.find(name);
  if (found == message.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

std::optional<uint64_t> Number(const json& message, const char* name) {
  const auto found = message.find(name);
  if (found == message.end() || !found->is_number_unsigned()) return {};
  return found->get<uint64_t>();
}

// Ids are decimal numbers as strings, and nothing else.
std::optional<uint64_t> Id(const json& message) {
  const std::string text = Text(message, "id");
  uint64_t id = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc() || stop != end || id == 0) return {};
  return id;
}

bool IsEnding(const std::string& name) {
  return name == "succeeded" || name == "error" || name == "cancelled" ||
         name == "returned";
}

void ReadEnd(const json& entry, const std::string& type, WorkerWords& words) {
  if (!entry.is_object()) {
    words.fault = "a result that is not an object";
    return;
  }
  const std::optional<uint64_t> id = Id(entry);
  if (!id.has_value()) {
    words.fault = "a result whose id is no decimal number as a string";
    return;
  }
  SaidEnd end;
  end.first = *id;
  end.count = Number(entry, "count").value_or(1);
  end.ending = Text(entry, "ending");
  if (type == "result") end.ending = "succeeded";
  if (type == "error") end.ending = "error";
  if (!IsEnding(end.ending)) {
    words.fault = "the unknown ending '" + end.ending + "'";
    return;
  }
  const auto output = entry.find("output");
  if (output != entry.end() && !output->is_string()) {
    words.fault = "an output that is not JSON text inside a string";
    return;
  }
  end.output = Text(entry, "output");
  if (!end.output.empty() && !json::accept(end.output)) {
    words.fault = "an output whose text is not JSON";
    return;
  }
  end.error = Text(entry, "error");
  words.ends.push_back(std::move(end));
}

void ReadHello(const json& message, WorkerWords& words) {
  words.protocol = Number(message, "protocol");
  words.pid = Number(message, "pid");
  words.language = Text(message, "language");
  const auto modes = message.find("modes");
  if (modes == message.end()) {
    words.modes = {"process"};
    return;
  }
  if (!modes->is_array()) {
    words.fault = "modes that are not a list";
    return;
  }
  for (const json& mode : *modes) {
    if (mode.is_string()) words.modes.push_back(mode.get<std::string>());
  }
}

}  // namespace

WorkerWords ReadWorkerWords(std::string_view body) {
  WorkerWords words;
  const json message = json::parse(body, nullptr, false);
  if (!message.is_object()) {
    words.fault = "a frame that is not a JSON object in UTF-8";
    return words;
  }
  words.type = Text(message, "type");
  bool known = false;
  for (const std::string_view type : kTypes) known |= type == words.type;
  if (!known) {
    words.fault = "a frame of the unknown type '" + words.type + "'";
  } else if (words.type == "hello") {
    ReadHello(message, words);
  } else if (words.type == "ready") {
    words.credits = Number(message, "credits").value_or(0);
  } else if (words.type == "pong") {
    words.number = Number(message, "number");
  } else if (words.type == "progress") {
    const auto fraction = message.find("fraction");
    if (!Id(message).has_value() || fraction == message.end() ||
        !fraction->is_number()) {
      words.fault = "'progress' without the id of a task and its fraction";
    }
  } else if (words.type == "log") {
    words.log = {.task = Id(message).value_or(0),
                 .text = Text(message, "text"),
                 .file = Text(message, "file")};
  } else if (words.type == "results") {
    const auto list = message.find("results");
    if (list == message.end() || !list->is_array()) {
      words.fault = "'results' without its list";
      return words;
    }
    for (const json& entry : *list) ReadEnd(entry, words.type, words);
  } else if (words.type == "result" || words.type == "error") {
    ReadEnd(message, words.type, words);
  }
  return words;
}

std::string JudgedCheckJson(const JudgedCheck& check) {
  json object = {{"mode", check.mode},
                 {"check", check.name},
                 {"verdict", check.verdict},
                 {"meaning", check.meaning}};
  if (!check.seen.empty()) object["seen"] = check.seen;
  if (check.verdict == "failed") object["rule"] = check.rule;
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace remuda

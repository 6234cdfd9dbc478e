#include "cli/verdict_output.h"

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "jobs/verdict/verdict_words.h"

namespace remuda {
namespace {

using nlohmann::json;

std::string Text(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

double Number(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_number() ? at->get<double>() : 0;
}

Interval IntervalOf(const json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_object()) return {};
  return {Number(*at, "low"), Number(*at, "middle"), Number(*at, "high")};
}

std::string Shown(const char* format, double number) {
  char text[48];
  std::snprintf(text, sizeof(text), format, number);
  return text;
}

std::string TimeText(double seconds) {
  if (seconds < 1e-3) return Shown("%.0f us", seconds * 1e6);
  if (seconds < 1) return Shown("%.1f ms", seconds * 1e3);
  return Shown("%.1f s", seconds);
}

std::string Bytes(double bytes) { return Shown("%.0f MiB", bytes / (1 << 20)); }

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string PredictionLine(const json& one) {
  std::string line = "  " + Padded(Text(one, "executor"), 14) +
                     Padded(GainText(IntervalOf(one, "gain")), 24);
  const Interval memory = IntervalOf(one, "memory_bytes");
  if (memory.high > 0) {
    line += Bytes(memory.low) == Bytes(memory.high)
                ? Bytes(memory.high)
                : Bytes(memory.low) + " to " + Bytes(memory.high);
  }
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

// "cpu 97%", for shares that are known.
std::string Shares(const json& measures) {
  const std::vector<std::pair<const char*, const char*>> kShares = {
      {"cpu_share", "computing"},
      {"gil_wait_share", "waiting for Python's lock"},
      {"run_queue_share", "ready without a core"},
      {"loop_wait_share", "ready before their turn on the loop"},
      {"other_wait_share", "waiting for anything else"}};
  std::string text;
  for (const auto& [member, words] : kShares) {
    if (!measures.contains(member) || measures[member].is_null()) continue;
    if (!text.empty()) text += ", ";
    text += Shown("%.0f%% ", Number(measures, member) * 100) + words;
  }
  return text.empty() ? "not known" : text;
}

std::string EvidenceLines(const json& verdict) {
  const json measures = verdict.value("measures", json::object());
  if (Number(measures, "attempts") == 0) return "";
  const bool of_job = verdict.value("of_job", false);
  std::string text =
      "evidence: " + Shown("%.0f", Number(measures, "attempts")) +
      " attempts of " +
      (of_job ? "job " + Text(verdict, "job") : "all jobs of its kind") +
      ", on agents of " + Shown("%.0f", Number(verdict, "cores")) + " cores\n";
  text += "  time      mean " + TimeText(Number(measures, "mean_seconds")) +
          ", median about " + TimeText(Number(measures, "median_seconds")) +
          ", 99% within about " + TimeText(Number(measures, "p99_seconds")) +
          "\n";
  text += "  spent     " + Shares(measures) + "\n";
  text += "  at once   " + Shown("%.1f", Number(measures, "at_once")) +
          " of at most " + Shown("%.0f", Number(measures, "at_once_max")) +
          ", " + Shown("%.1f", Number(measures, "per_second")) + " a second";
  if (Number(measures, "process_bytes") > 0) {
    text += "\n  memory    " + Bytes(Number(measures, "process_bytes")) +
            " a process";
  }
  return text;
}

json Parsed(const std::string& verdict) {
  const json body = json::parse(verdict, nullptr, false);
  return body.is_object() ? body : json::object();
}

std::string AdviceLines(const json& verdict) {
  std::string text;
  for (const json& one : verdict.value("advice", json::array())) {
    text += "\n  " + Text(one, "text");
  }
  return text;
}

// What came of trials of other executors.
std::string TriedLines(const json& verdict) {
  std::string text;
  for (const json& one : verdict.value("tried", json::array())) {
    const double gain = Number(one, "gain");
    text +=
        "\n  tried on " + Text(one, "on") + " by job " + Text(one, "job") +
        ": " + Text(one, "executor") +
        (gain > 0
             ? " was " + Shown("%.3gx of ", gain) + Text(one, "instead_of") +
                   " over " + Shown("%.0f tasks", Number(one, "tasks"))
             : " instead of " + Text(one, "instead_of") + " came to nothing") +
        (one.value("kept", false) ? ", and is kept" : ", and is left");
  }
  return text;
}

}  // namespace

std::vector<LockEntry> LearnedEntries(
    const std::vector<std::string>& verdicts) {
  std::map<std::pair<std::string, std::string>, LockEntry> entries;
  for (const std::string& verdict : verdicts) {
    const json body = Parsed(verdict);
    for (const json& one : body.value("tried", json::array())) {
      const bool kept = one.value("kept", false);
      const std::optional<ExecutorKind> executor =
          ExecutorKindFromName(Text(one, kept ? "executor" : "instead_of"));
      if (!executor) continue;
      const double gain = Number(one, "gain");
      LockEntry entry = {.type = Text(body, "type"),
                         .function = Text(body, "function"),
                         .executor = *executor,
                         .since = Text(one, "on")};
      if (kept && gain > 0) {
        entry.gain = gain;
        entry.reason = Shown("%.3gx of ", gain) + Text(one, "instead_of") +
                       ", measured over " +
                       Shown("%.0f tasks", Number(one, "tasks"));
      } else {
        entry.reason = Text(one, "executor") + " was tried and " +
                       (gain > 0 ? "was " + Shown("%.3gx of it", gain)
                                 : "came to nothing");
      }
      // The newest of each kind of work, which stands first; a win first.
      const auto [at, is_new] =
          entries.try_emplace({entry.type, entry.function}, entry);
      if (!is_new && (!at->second.gain || at->second.since < entry.since) &&
          kept) {
        at->second = entry;
      }
    }
  }
  std::vector<LockEntry> list;
  for (auto& [kind, entry] : entries) list.push_back(std::move(entry));
  return list;
}

std::string VerdictLines(const std::string& verdict) {
  const json body = Parsed(verdict);
  return Text(body, "sentence") + AdviceLines(body) + TriedLines(body);
}

std::string VerdictPage(const std::string& verdict) {
  const json body = Parsed(verdict);
  std::string page =
      Text(body, "sentence") + AdviceLines(body) + TriedLines(body);
  page += "\nexecutor: " + Text(body, "executor") + ", because " +
          Text(body, "executor_reason");
  const json predictions = body.value("predictions", json::array());
  if (!predictions.empty()) {
    page += "\npredicted throughput and memory elsewhere:";
    for (const json& one : predictions) page += "\n" + PredictionLine(one);
  }
  const std::string evidence = EvidenceLines(body);
  return evidence.empty() ? page : page + "\n" + evidence;
}

std::string VerdictToMention(const std::string& verdict) {
  const json body = Parsed(verdict);
  const std::string code = Text(body, "code");
  return code == "move" || code == "batch" || code == "more_cpus"
             ? Text(body, "sentence")
             : "";
}

}  // namespace remuda

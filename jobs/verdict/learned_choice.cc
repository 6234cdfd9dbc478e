#include "jobs/verdict/learned_choice.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"

namespace remuda {
namespace {

using nlohmann::json;

json PaceToJson(const Pace& pace) {
  return {{"executor", std::string(Name(pace.executor))},
          {"attempts", pace.attempts},
          {"failed", pace.failed},
          {"per_second", pace.per_second},
          {"spread", pace.spread},
          {"wall_seconds", pace.wall.count()},
          {"cpu_seconds", pace.cpu.count()}};
}

// These throw what LearnedFromJson() catches.
ExecutorKind ExecutorAt(const json& body) {
  return ExecutorKindFromName(body.at("executor").get<std::string>()).value();
}

double NumberAt(const json& body, const char* name) {
  const auto number = body.at(name).get<double>();
  std::optional<double> known;
  if (std::isfinite(number) && number >= 0) known = number;
  return known.value();
}

Pace PaceFrom(const json& body) {
  return {.executor = ExecutorAt(body),
          .attempts = NumberAt(body, "attempts"),
          .failed = NumberAt(body, "failed"),
          .per_second = NumberAt(body, "per_second"),
          .spread = NumberAt(body, "spread"),
          .wall = RealSeconds(NumberAt(body, "wall_seconds")),
          .cpu = RealSeconds(NumberAt(body, "cpu_seconds"))};
}

WallTime TimeFrom(const json& body) {
  return WallTime(std::chrono::milliseconds(body.at("at_ms").get<int64_t>()));
}

int64_t Milliseconds(WallTime at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             at.time_since_epoch())
      .count();
}

}  // namespace

Pace PaceOf(ExecutorKind executor, const Evidence& evidence) {
  Pace pace = {.executor = executor,
               .attempts = evidence.attempts,
               .failed = evidence.failed,
               .spread = evidence.spread(),
               .wall = evidence.mean_wall()};
  if (evidence.active.count() > 0) {
    pace.per_second = evidence.attempts / evidence.active.count();
  }
  if (evidence.cpu.attempts > 0) {
    pace.cpu = evidence.cpu.sum / evidence.cpu.attempts;
  }
  return pace;
}

const LearnedChoice::Tried* LearnedChoice::kept() const {
  const Tried* newest = nullptr;
  for (const std::optional<Tried>& one : tried) {
    if (!one || !one->is_kept) continue;
    if (newest == nullptr || one->at > newest->at) newest = &*one;
  }
  return newest;
}

std::string DayText(WallTime at) {
  const std::chrono::year_month_day day(
      std::chrono::floor<std::chrono::days>(at));
  char text[32];
  std::snprintf(
      text, sizeof(text), "%04d-%02u-%02u", static_cast<int>(day.year()),
      static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text;
}

std::string LearnedToJson(const LearnedChoice& learned) {
  json tried = json::array();
  for (const auto& one : learned.tried) {
    if (!one) continue;
    tried.push_back({{"before", PaceToJson(one->before)},
                     {"after", PaceToJson(one->after)},
                     {"gain", one->gain},
                     {"kept", one->is_kept},
                     {"job", one->job.value},
                     {"at_ms", Milliseconds(one->at)}});
  }
  json body = {{"tried", std::move(tried)}};
  if (learned.trial) {
    body["trial"] = {{"before", PaceToJson(learned.trial->before)},
                     {"executor", std::string(Name(learned.trial->executor))},
                     {"tasks", learned.trial->tasks},
                     {"job", learned.trial->job.value},
                     {"at_ms", Milliseconds(learned.trial->at)}};
  }
  return body.dump();
}

absl::StatusOr<LearnedChoice> LearnedFromJson(const std::string& text) {
  try {
    const json body = json::parse(text);
    LearnedChoice learned;
    for (const json& one : body.at("tried")) {
      const Pace after = PaceFrom(one.at("after"));
      learned.tried[static_cast<size_t>(after.executor)] = {
          .before = PaceFrom(one.at("before")),
          .after = after,
          .gain = NumberAt(one, "gain"),
          .is_kept = one.at("kept").get<bool>(),
          .job = {one.at("job").get<uint64_t>()},
          .at = TimeFrom(one)};
    }
    if (body.contains("trial")) {
      const json& trial = body.at("trial");
      learned.trial = {.before = PaceFrom(trial.at("before")),
                       .executor = ExecutorAt(trial),
                       .tasks = trial.at("tasks").get<uint64_t>(),
                       .job = {trial.at("job").get<uint64_t>()},
                       .at = TimeFrom(trial)};
    }
    return learned;
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        "what was learned of a kind of work "
        "cannot be read: " +
        std::string(error.what()));
  }
}

}  // namespace remuda

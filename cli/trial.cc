#include "cli/trial.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "cli/words.h"
#include "jobs/items.h"
#include "jobs/job_type.h"
#include "jobs/verdict/verdict_words.h"

namespace remuda {
namespace {

using nlohmann::ordered_json;

constexpr size_t kBarWidth = 24;
constexpr size_t kNameBytesMax = 40;  // with the suffix it is a name still

// The items at `places`, which rise, of all that the job has.
ItemList ItemsAt(const std::vector<TaskIndex>& places, const ResolvedJob& job) {
  ItemList items;
  if (IsComputed(job.job.tasks)) {
    for (const TaskIndex place : places) {
      items.Append(ComputedItem(job.job.tasks, place));
    }
    return items;
  }
  std::string_view rest = job.items.bytes();
  TaskIndex at = 0;
  for (const TaskIndex place : places) {
    for (; at < place; ++at) rest.remove_prefix(rest.find('\n') + 1);
    items.Append(rest.substr(0, rest.find('\n')));
  }
  return items;
}

std::string Shown(const char* format, double number) {
  char text[48];
  std::snprintf(text, sizeof(text), format, number);
  return text;
}

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string Bar(double share) {
  const auto blocks =
      static_cast<size_t>(std::lround(std::clamp(share, 0.0, 1.0) * kBarWidth));
  std::string bar;
  for (size_t i = 0; i < blocks; ++i) bar += "█";
  return bar + std::string(kBarWidth - blocks, ' ');
}

std::optional<double> NumberIn(const ordered_json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_number()) return std::nullopt;
  return at->get<double>();
}

ordered_json JsonOf(const std::optional<double>& number) {
  return number ? ordered_json(*number) : ordered_json(nullptr);
}

std::string Gain(const std::optional<double>& gain) {
  if (!gain) return "?";
  return Shown(*gain >= 1.2 ? "%.1fx" : "%.2fx", *gain);
}

}  // namespace

ResolvedJob SampleOn(ExecutorKind executor, const ResolvedJob& job,
                     uint64_t count) {
  const uint64_t tasks = TaskCount(job.job.tasks);
  count = std::min(count, tasks);
  std::vector<TaskIndex> places;
  for (uint64_t i = 0; i < count; ++i) {
    // Wide enough for any number of tasks, as the sample is small.
    places.push_back(tasks / count * i + tasks % count * i / count);
  }
  ResolvedJob sample = {.job = job.job, .items = ItemsAt(places, job)};
  sample.job.tasks = {.kind = TaskSource::Kind::kList,
                      .written = TaskSource::Written::kItems,
                      .list_count = count};
  sample.job.executor = {.exactly = executor};
  sample.job.name = job.job.name.substr(0, kNameBytesMax) + "-try-" +
                    std::string(Name(executor));
  return sample;
}

absl::StatusOr<std::vector<ExecutorKind>> TrialExecutors(
    const Job& job, const std::string& wanted) {
  const JobType* type = FindJobType(job.type);
  if (type == nullptr) {
    return absl::InvalidArgumentError("unknown type '" + job.type + "'");
  }
  const absl::StatusOr<ExecutorChoice> choice = ChooseExecutor(job, *type);
  if (!choice.ok()) return choice.status();
  const absl::StatusOr<WorkFacts> facts = FactsOf(job, *type);
  if (!facts.ok()) return facts.status();
  const absl::StatusOr<std::vector<OtherExecutor>> others =
      OtherExecutors(job, *type);
  if (!others.ok()) return others.status();
  std::vector<ExecutorKind> kinds = {choice->kind};
  for (const OtherExecutor& other : *others) {
    const bool is_wanted =
        ("," + wanted + ",").find("," + std::string(Name(other.kind)) + ",") !=
        std::string::npos;
    const bool is_plain = other.kind == ExecutorKind::kAsync &&
                          facts->runs_user_code &&
                          facts->form != CodeForm::kAsync;
    if (wanted == "all" ? other.is_possible && !is_plain : is_wanted) {
      if (!other.is_possible) return absl::InvalidArgumentError(other.why_not);
      kinds.push_back(other.kind);
    }
  }
  std::string_view rest = wanted;
  while (wanted != "all") {
    const std::string name(rest.substr(0, rest.find(',')));
    if (!ExecutorKindFromName(name)) {
      return absl::InvalidArgumentError(
          "there is no executor '" + name +
          "': async, thread-pool, process-pool, or all");
    }
    if (rest.find(',') == std::string_view::npos) break;
    rest.remove_prefix(rest.find(',') + 1);
  }
  return kinds;
}

void AddMeasures(const std::string& verdict, TrialRow& row) {
  const auto body = ordered_json::parse(verdict, nullptr, false);
  if (!body.is_object() || !body.contains("measures")) return;
  const ordered_json& measures = body["measures"];
  row.per_second = NumberIn(measures, "per_second");
  row.cores_used = NumberIn(measures, "cores_used");
  row.process_bytes = NumberIn(measures, "process_bytes");
  if (row.per_second == 0) row.per_second.reset();
}

std::optional<Interval> PredictedFor(ExecutorKind executor,
                                     const std::string& verdict) {
  const auto body = ordered_json::parse(verdict, nullptr, false);
  if (!body.is_object() || !body.contains("predictions")) return std::nullopt;
  for (const ordered_json& one : body["predictions"]) {
    if (one.value("executor", "") != Name(executor)) continue;
    const ordered_json& gain = one["gain"];
    return Interval{.low = NumberIn(gain, "low").value_or(0),
                    .middle = NumberIn(gain, "middle").value_or(0),
                    .high = NumberIn(gain, "high").value_or(0)};
  }
  return std::nullopt;
}

std::optional<double> MeasuredGain(const TrialRow& row, const TrialRow& first) {
  if (!row.per_second || !first.per_second) return std::nullopt;
  return *row.per_second / *first.per_second;
}

std::string TrialTable(const std::vector<TrialRow>& rows) {
  double best = 0;
  for (const TrialRow& row : rows) {
    best = std::max(best, row.per_second.value_or(0));
  }
  std::string table =
      "executor      per second                        time        cores  "
      "MiB/process  gain    predicted";
  for (const TrialRow& row : rows) {
    const bool is_first = &row == &rows.front();
    table += "\n" + Padded(std::string(Name(row.executor)), 14);
    table += Padded(row.per_second ? Shown("%.1f", *row.per_second) : "?", 9);
    table += " " + Bar(best > 0 ? row.per_second.value_or(0) / best : 0);
    table += Padded(ElapsedText(row.took), 12);
    table += Padded(row.cores_used ? Shown("%.2f", *row.cores_used) : "?", 7);
    table += Padded(
        row.process_bytes ? Shown("%.0f", *row.process_bytes / (1 << 20)) : "?",
        13);
    table += Padded(Gain(MeasuredGain(row, rows.front())), 8);
    table += is_first        ? "where the spec runs it"
             : row.predicted ? GainText(*row.predicted)
                             : "no prediction";
    if (row.others > 0) {
      table += "; " + CountText(row.others) + " did not succeed";
    }
  }
  return table;
}

std::string TrialJson(const std::vector<TrialRow>& rows) {
  ordered_json list = ordered_json::array();
  for (const TrialRow& row : rows) {
    ordered_json one = {
        {"executor", Name(row.executor)},
        {"job", std::to_string(row.job)},
        {"succeeded", row.succeeded},
        {"not_succeeded", row.others},
        {"duration_seconds", std::chrono::duration<double>(row.took).count()},
        {"per_second", JsonOf(row.per_second)},
        {"cores_used", JsonOf(row.cores_used)},
        {"process_bytes", JsonOf(row.process_bytes)},
        {"gain", JsonOf(MeasuredGain(row, rows.front()))},
        {"predicted_gain", nullptr}};
    if (row.predicted) {
      one["predicted_gain"] = {{"low", row.predicted->low},
                               {"middle", row.predicted->middle},
                               {"high", row.predicted->high}};
    }
    list.push_back(std::move(one));
  }
  return ordered_json{{"executors", std::move(list)}}.dump();
}

}  // namespace remuda

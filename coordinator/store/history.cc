#include "coordinator/store/history.h"

#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "coordinator/store/finding_text.h"
#include "jobs/job_json.h"

namespace remuda {
namespace {

using nlohmann::json;

// A body that lacks a member, holds another type or a value out of range makes
// the library that reads it throw; FromHistory() catches that.
template <typename Enum>
Enum EnumOf(const json& value, Enum last) {
  const auto number = value.get<uint64_t>();
  std::optional<Enum> known;
  if (number <= static_cast<uint64_t>(last)) known = static_cast<Enum>(number);
  return known.value();
}

template <typename Enum>
json NumberOf(Enum value) {
  return static_cast<uint64_t>(value);
}

template <typename AnyId>
AnyId IdOf(const json& value) {
  return AnyId{value.get<decltype(AnyId::value)>()};
}

WallTime TimeOf(const json& value) {
  return FromNanoseconds(value.get<int64_t>());
}

ExecutorKind ExecutorOf(const json& value) {
  return ExecutorKindFromName(value.get<std::string>()).value();
}

std::string NameOf(ExecutorKind kind) { return std::string(Name(kind)); }

// A body and the job it speaks of. `at` stands in the row.
struct Written {
  const char* kind;
  JobId job;
  WallTime at;
  json body;
};

Written Write(const TermStarted& event) {
  return {"term_started", {}, event.at, {{"term", event.term.value}}};
}

TermStarted ReadTermStarted(const HistoryRow& row, const json& body) {
  return {.term = IdOf<Term>(body.at("term")), .at = row.at};
}

Written Write(const AgentRegistered& event) {
  json executors = json::array();
  for (const ExecutorOffer& offer : event.executors) {
    executors.push_back({{"kind", NameOf(offer.kind)}, {"slots", offer.slots}});
  }
  return {"agent_registered",
          {},
          event.at,
          {{"agent", event.agent.value},
           {"instance", event.instance},
           {"name", event.name},
           {"executors", std::move(executors)},
           {"labels", event.labels}}};
}

AgentRegistered ReadAgentRegistered(const HistoryRow& row, const json& body) {
  AgentRegistered event;
  event.agent = IdOf<AgentId>(body.at("agent"));
  event.instance = body.at("instance").get<std::string>();
  event.name = body.at("name").get<std::string>();
  for (const json& offer : body.at("executors")) {
    event.executors.push_back({.kind = ExecutorOf(offer.at("kind")),
                               .slots = offer.at("slots").get<uint64_t>()});
  }
  event.labels = body.at("labels").get<std::map<std::string, std::string>>();
  event.at = row.at;
  return event;
}

Written Write(const AgentLeft& event) {
  return {"agent_left",
          {},
          event.at,
          {{"agent", event.agent.value}, {"reason", event.reason}}};
}

AgentLeft ReadAgentLeft(const HistoryRow& row, const json& body) {
  return {.agent = IdOf<AgentId>(body.at("agent")),
          .reason = body.at("reason").get<std::string>(),
          .at = row.at};
}

Written Write(const JobAccepted& event) {
  // The job stands in the body as text, so that it comes back byte for byte.
  return {"job_accepted",
          event.id,
          event.at,
          {{"key", event.key},
           {"owner", event.owner},
           {"document", event.document},
           {"digest", event.digest},
           {"job", *event.job_json},
           {"item_bytes_max", event.item_bytes_max},
           {"tasks", event.tasks},
           {"executor", NameOf(event.executor)},
           {"executor_reason", event.executor_reason}}};
}

JobAccepted ReadJobAccepted(const HistoryRow& row, const json& body) {
  auto job_json =
      std::make_shared<const std::string>(body.at("job").get<std::string>());
  absl::StatusOr<Job> job = JobFromJson(*job_json);
  return {.id = row.job,
          .key = body.at("key").get<std::string>(),
          // Not in histories of before there were owners.
          .owner = body.value("owner", ""),
          .document = body.at("document").get<uint32_t>(),
          .digest = body.at("digest").get<std::string>(),
          .job = std::make_shared<const Job>(std::move(job).value()),
          .job_json = std::move(job_json),
          .tasks = body.at("tasks").get<uint64_t>(),
          .item_bytes_max = body.at("item_bytes_max").get<uint64_t>(),
          .executor = ExecutorOf(body.at("executor")),
          .executor_reason = body.at("executor_reason").get<std::string>(),
          .at = row.at};
}

Written Write(const TasksGranted& event) {
  return {"tasks_granted",
          event.job,
          event.at,
          {{"grant", event.grant.value},
           {"agent", event.agent.value},
           {"first", event.tasks.first},
           {"count", event.tasks.count},
           {"fence", event.fence.value}}};
}

IndexRange RangeOf(const json& body) {
  return {.first = body.at("first").get<uint64_t>(),
          .count = body.at("count").get<uint64_t>()};
}

TasksGranted ReadTasksGranted(const HistoryRow& row, const json& body) {
  return {.grant = IdOf<GrantId>(body.at("grant")),
          .job = row.job,
          .agent = IdOf<AgentId>(body.at("agent")),
          .tasks = RangeOf(body),
          .fence = IdOf<Fence>(body.at("fence")),
          .at = row.at};
}

// A run is an array, because a batch may have a thousand:
// [first, count, fence, ending, exit code, started, state, not before].
Written Write(const AttemptsEnded& event) {
  json runs = json::array();
  for (const AttemptsEnded::Run& run : event.runs) {
    runs.push_back(
        json::array({run.ended.tasks.first, run.ended.tasks.count,
                     run.ended.fence.value, NumberOf(run.ended.ending),
                     run.ended.exit_code, run.ended.started ? 1 : 0,
                     NumberOf(run.state), ToNanoseconds(run.not_before)}));
  }
  return {"attempts_ended",
          event.job,
          event.at,
          {{"agent", event.agent.value},
           {"executor", NameOf(event.executor)},
           {"runs", std::move(runs)}}};
}

AttemptsEnded ReadAttemptsEnded(const HistoryRow& row, const json& body) {
  AttemptsEnded event;
  event.job = row.job;
  event.agent = IdOf<AgentId>(body.at("agent"));
  event.executor = ExecutorOf(body.at("executor"));
  for (const json& value : body.at("runs")) {
    AttemptsEnded::Run run;
    run.ended.tasks = {.first = value.at(0).get<uint64_t>(),
                       .count = value.at(1).get<uint64_t>()};
    run.ended.fence = IdOf<Fence>(value.at(2));
    run.ended.ending = EnumOf(value.at(3), Ending::kEvicted);
    run.ended.exit_code = value.at(4).get<int32_t>();
    run.ended.started = value.at(5).get<int>() != 0;
    run.state = EnumOf(value.at(6), TaskState::kSkipped);
    run.not_before = TimeOf(value.at(7));
    event.runs.push_back(run);
  }
  event.at = row.at;
  return event;
}

Written Write(const TasksReturned& event) {
  return {"tasks_returned",
          event.job,
          event.at,
          {{"agent", event.agent.value},
           {"first", event.tasks.tasks.first},
           {"count", event.tasks.tasks.count},
           {"fence", event.tasks.fence.value},
           {"charged", event.charged},
           {"state", NumberOf(event.state)},
           {"reason", event.reason}}};
}

TasksReturned ReadTasksReturned(const HistoryRow& row, const json& body) {
  return {.job = row.job,
          .agent = IdOf<AgentId>(body.at("agent")),
          .tasks = {.job = row.job,
                    .tasks = RangeOf(body),
                    .fence = IdOf<Fence>(body.at("fence"))},
          .charged = body.at("charged").get<bool>(),
          .state = EnumOf(body.at("state"), TaskState::kSkipped),
          .reason = body.at("reason").get<std::string>(),
          .at = row.at};
}

Written Write(const JobCancelRequested& event) {
  return {
      "job_cancel_requested", event.job, event.at, {{"reason", event.reason}}};
}

JobCancelRequested ReadJobCancelRequested(const HistoryRow& row,
                                          const json& body) {
  return {.job = row.job,
          .reason = body.at("reason").get<std::string>(),
          .at = row.at};
}

Written Write(const JobFinished& event) {
  return {"job_finished",
          event.job,
          event.at,
          {{"state", NumberOf(event.state)}, {"reason", event.reason}}};
}

JobFinished ReadJobFinished(const HistoryRow& row, const json& body) {
  return {.job = row.job,
          .state = EnumOf(body.at("state"), JobState::kCancelled),
          .reason = body.at("reason").get<std::string>(),
          .at = row.at};
}

Written Write(const FindingsNoted& event) {
  json entries = json::array();
  for (const FindingsNoted::Entry& entry : event.entries) {
    entries.push_back(
        {{"place", entry.place}, {"finding", FindingToJson(entry.finding)}});
  }
  return {
      "findings_noted", event.job, event.at, {{"entries", std::move(entries)}}};
}

FindingsNoted ReadFindingsNoted(const HistoryRow& row, const json& body) {
  FindingsNoted event = {.job = row.job, .entries = {}, .at = row.at};
  for (const json& entry : body.at("entries")) {
    absl::StatusOr<std::vector<JobFinding>> finding =
        FindingsFromJson(entry.at("finding").get<std::string>());
    event.entries.push_back({.place = entry.at("place").get<uint32_t>(),
                             .finding = std::move(finding).value().at(0)});
  }
  return event;
}

using Reader = Event (*)(const HistoryRow&, const json&);

template <auto kRead>
Event ReadAs(const HistoryRow& row, const json& body) {
  return kRead(row, body);
}

// Null for a kind that no event has.
Reader ReaderOf(std::string_view kind) {
  static constexpr std::pair<std::string_view, Reader> kReaders[] = {
      {"term_started", ReadAs<ReadTermStarted>},
      {"agent_registered", ReadAs<ReadAgentRegistered>},
      {"agent_left", ReadAs<ReadAgentLeft>},
      {"job_accepted", ReadAs<ReadJobAccepted>},
      {"tasks_granted", ReadAs<ReadTasksGranted>},
      {"attempts_ended", ReadAs<ReadAttemptsEnded>},
      {"tasks_returned", ReadAs<ReadTasksReturned>},
      {"job_cancel_requested", ReadAs<ReadJobCancelRequested>},
      {"job_finished", ReadAs<ReadJobFinished>},
      {"findings_noted", ReadAs<ReadFindingsNoted>},
  };
  for (const auto& [name, reader] : kReaders) {
    if (name == kind) return reader;
  }
  return nullptr;
}

}  // namespace

HistoryRow ToHistory(const Event& event) {
  Written written =
      std::visit([](const auto& one) { return Write(one); }, event);
  return {.at = written.at,
          .kind = written.kind,
          .job = written.job,
          // Names and reasons come from outside: bytes that are no UTF-8 are
          // replaced, where the library would otherwise throw.
          .body = written.body.dump(-1, ' ', false,
                                    json::error_handler_t::replace)};
}

absl::StatusOr<Event> FromHistory(const HistoryRow& row) {
  const Reader reader = ReaderOf(row.kind);
  std::string problem;
  if (reader == nullptr) {
    problem = "unknown kind";
  } else {
    try {
      return reader(row, json::parse(row.body));
    } catch (const std::exception& error) {
      problem = error.what();
    }
  }
  return absl::DataLossError("an event of the history (" + row.kind +
                             ") cannot be read: " + problem);
}

}  // namespace remuda

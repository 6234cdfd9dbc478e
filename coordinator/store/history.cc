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
#include "coordinator/store/body_text.h"
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
uint64_t NumberOf(Enum value) {
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

// For what is seldom written. Names and reasons come from outside: bytes that
// are no UTF-8 are replaced, where the library would otherwise throw.
std::string Dump(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string NameOf(ExecutorKind kind) { return std::string(Name(kind)); }

// A body and the job it speaks of. `at` stands in the row.
struct Written {
  const char* kind;
  JobId job;
  WallTime at;
  std::string body;
  std::shared_ptr<const std::string> definition = nullptr;
};

Written Write(const TermStarted& event) {
  return {"term_started",
          {},
          event.at,
          BodyText().Int("term", event.term.value).Take()};
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
          Dump({{"agent", event.agent.value},
                {"instance", event.instance},
                {"name", event.name},
                {"executors", std::move(executors)},
                {"labels", event.labels},
                {"memory_bytes", event.memory_bytes}})};
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
  event.memory_bytes = body.value("memory_bytes", uint64_t{0});  // if said
  event.at = row.at;
  return event;
}

Written Write(const AgentLeft& event) {
  return {"agent_left",
          {},
          event.at,
          BodyText()
              .Int("agent", event.agent.value)
              .Text("reason", event.reason)
              .Take()};
}

AgentLeft ReadAgentLeft(const HistoryRow& row, const json& body) {
  return {.agent = IdOf<AgentId>(body.at("agent")),
          .reason = body.at("reason").get<std::string>(),
          .at = row.at};
}

Written Write(const JobAccepted& event) {
  return {"job_accepted", event.id, event.at,
          BodyText()
              .Text("digest", event.digest)
              .Int("document", event.document)
              .Text("executor", Name(event.executor))
              .Text("executor_reason", event.executor_reason)
              .Int("item_bytes_max", event.item_bytes_max)
              .Text("key", event.key)
              .Text("owner", event.owner)
              .Int("tasks", event.tasks)
              .Take(),
          event.job_json};
}

JobAccepted ReadJobAccepted(const HistoryRow& row, const json& body) {
  // Histories of before had it in the body.
  std::optional<std::string> text;
  if (row.definition != nullptr) text = *row.definition;
  if (body.contains("job")) text = body.at("job").get<std::string>();
  auto job_json = std::make_shared<const std::string>(std::move(text).value());
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
  return {"tasks_granted", event.job, event.at,
          BodyText()
              .Int("agent", event.agent.value)
              .Int("count", event.tasks.count)
              .Int("fence", event.fence.value)
              .Int("first", event.tasks.first)
              .Int("grant", event.grant.value)
              .Take()};
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
  std::string runs = "[";
  for (const AttemptsEnded::Run& run : event.runs) {
    runs += runs.size() > 1 ? ",[" : "[";
    AppendInt(runs, run.ended.tasks.first);
    AppendInt(runs += ',', run.ended.tasks.count);
    AppendInt(runs += ',', run.ended.fence.value);
    AppendInt(runs += ',', NumberOf(run.ended.ending));
    AppendInt(runs += ',', run.ended.exit_code);
    runs += run.ended.started ? ",1" : ",0";
    AppendInt(runs += ',', NumberOf(run.state));
    AppendInt(runs += ',', ToNanoseconds(run.not_before));
    runs += ']';
  }
  runs += ']';
  return {"attempts_ended", event.job, event.at,
          BodyText()
              .Int("agent", event.agent.value)
              .Text("executor", Name(event.executor))
              .Json("runs", runs)
              .Take()};
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
  return {"tasks_returned", event.job, event.at,
          BodyText()
              .Int("agent", event.agent.value)
              .Bool("charged", event.charged)
              .Int("count", event.tasks.tasks.count)
              .Int("fence", event.tasks.fence.value)
              .Int("first", event.tasks.tasks.first)
              .Text("reason", event.reason)
              .Int("state", NumberOf(event.state))
              .Take()};
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
  return {"job_cancel_requested", event.job, event.at,
          BodyText().Text("reason", event.reason).Take()};
}

JobCancelRequested ReadJobCancelRequested(const HistoryRow& row,
                                          const json& body) {
  return {.job = row.job,
          .reason = body.at("reason").get<std::string>(),
          .at = row.at};
}

Written Write(const JobFinished& event) {
  return {"job_finished", event.job, event.at,
          BodyText()
              .Text("reason", event.reason)
              .Int("state", NumberOf(event.state))
              .Take()};
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
  return {"findings_noted", event.job, event.at,
          Dump({{"entries", std::move(entries)}})};
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

Written Write(const ExecutorChosen& event) {
  return {"executor_chosen", event.job, event.at,
          BodyText()
              .Text("executor", Name(event.executor))
              .Text("reason", event.reason)
              .Take()};
}

ExecutorChosen ReadExecutorChosen(const HistoryRow& row, const json& body) {
  return {.job = row.job,
          .executor = ExecutorOf(body.at("executor")),
          .reason = body.at("reason").get<std::string>(),
          .at = row.at};
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
      {"executor_chosen", ReadAs<ReadExecutorChosen>},
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
          .body = std::move(written.body),
          .definition = std::move(written.definition)};
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

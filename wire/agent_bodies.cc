#include "wire/agent_bodies.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "wire/columns.h"
#include "wire/finding_bodies.h"
#include "wire/frame_limits.h"
#include "wire/frame_types.h"
#include "wire/remuda.pb.h"

namespace remuda {
namespace {

using columns::At;
using columns::Fits;

absl::Status Malformed(const char* what) {
  return absl::InvalidArgumentError(what);
}

pb::FencedRanges ToPb(const std::vector<FencedRange>& ranges) {
  pb::FencedRanges out;
  for (const FencedRange& range : ranges) {
    out.add_job(range.job.value);
    out.add_first(range.tasks.first);
    out.add_count(range.tasks.count);
    out.add_fence(range.fence.value);
  }
  columns::Collapse(*out.mutable_job());
  columns::Collapse(*out.mutable_fence());
  return out;
}

absl::StatusOr<std::vector<FencedRange>> FromPb(const pb::FencedRanges& in) {
  const auto rows = static_cast<size_t>(in.count_size());
  if (rows > kWireListMax) return Malformed("too many ranges");
  if (!Fits(in.job(), rows) || !Fits(in.first(), rows) ||
      !Fits(in.fence(), rows)) {
    return Malformed("columns of unequal length");
  }
  std::vector<FencedRange> out;
  out.reserve(rows);
  for (size_t i = 0; i < rows; ++i) {
    const auto range =
        columns::CheckedRange(At(in.first(), i), in.count(static_cast<int>(i)));
    if (!range.has_value()) return Malformed("impossible range");
    out.push_back({.job = JobId{At(in.job(), i)},
                   .tasks = *range,
                   .fence = Fence{At(in.fence(), i)}});
  }
  return out;
}

// Pairs (gap, count); `end` is where the range before this one ends.
template <typename List>
void AddRange(IndexRange range, List& list, uint64_t& end) {
  CHECK(range.count > 0 && range.first >= end);
  list.Add(range.first - end);
  list.Add(range.count);
  end = range.first + range.count;
}

template <typename List>
void FillBegun(const std::vector<LastBegun>& in, List& out) {
  for (const LastBegun& begun : in) {
    auto* to = out.Add();
    to->set_executor(static_cast<uint32_t>(begun.executor));
    to->set_job(begun.attempt.job.value);
    to->set_task(begun.attempt.task);
    to->set_fence(begun.attempt.fence.value);
  }
}

template <typename List>
absl::StatusOr<std::vector<LastBegun>> BegunFrom(const List& in) {
  if (in.size() > kExecutorKinds) return Malformed("too many have begun");
  std::vector<LastBegun> out;
  for (const auto& begun : in) {
    if (!IsEnum(begun.executor(), ExecutorKind::kProcessPool)) {
      return Malformed("unknown executor");
    }
    out.push_back({.executor = static_cast<ExecutorKind>(begun.executor()),
                   .attempt = {.job = JobId{begun.job()},
                               .task = begun.task(),
                               .fence = Fence{begun.fence()}}});
  }
  return out;
}

pb::Hello ToPb(const Hello& in) {
  pb::Hello out;
  out.set_protocol_min(in.protocol_min);
  out.set_protocol_max(in.protocol_max);
  out.set_version(in.version);
  out.set_name(in.name);
  out.set_instance(in.instance);
  out.set_process(in.process);
  for (const ExecutorOffer& offer : in.executors) {
    auto* to = out.add_executors();
    to->set_kind(static_cast<uint32_t>(offer.kind));
    to->set_slots(offer.slots);
  }
  for (const std::string& type : in.job_types) out.add_job_types(type);
  for (const auto& [key, value] : in.labels) {
    (*out.mutable_labels())[key] = value;
  }
  out.set_memory_bytes(in.memory_bytes);
  *out.mutable_held() = ToPb(in.held);
  *out.mutable_waiting() = ToPb(in.waiting);
  out.set_draining(in.draining);
  out.set_results_first(in.results_first);
  out.set_says_backlogs(in.says_backlogs);
  return out;
}

absl::StatusOr<AgentMessage> FromPb(pb::Hello& in, uint64_t sequence) {
  if (in.protocol_min() > in.protocol_max()) {
    return Malformed("protocol range is empty");
  }
  if (in.executors_size() > kExecutorKinds || TooLong(in.job_types()) ||
      TooLong(in.labels())) {
    return Malformed("list in hello is too long");
  }
  Hello out{.protocol_min = in.protocol_min(),
            .protocol_max = in.protocol_max(),
            .version = std::move(*in.mutable_version()),
            .name = std::move(*in.mutable_name()),
            .instance = std::move(*in.mutable_instance()),
            .process = std::move(*in.mutable_process()),
            .executors = {},
            .job_types = {},
            .labels = {in.labels().begin(), in.labels().end()},
            .memory_bytes = in.memory_bytes(),
            .held = {},
            .waiting = {},
            .draining = in.draining(),
            .number = sequence,
            .results_first = in.results_first(),
            .says_backlogs = in.says_backlogs()};
  for (const auto& offer : in.executors()) {
    if (!IsEnum(offer.kind(), ExecutorKind::kProcessPool)) {
      return Malformed("unknown executor");
    }
    out.executors.push_back({.kind = static_cast<ExecutorKind>(offer.kind()),
                             .slots = offer.slots()});
  }
  for (std::string& type : *in.mutable_job_types()) {
    out.job_types.push_back(std::move(type));
  }
  auto held = FromPb(in.held());
  if (!held.ok()) return held.status();
  out.held = *std::move(held);
  auto waiting = FromPb(in.waiting());
  if (!waiting.ok()) return waiting.status();
  out.waiting = *std::move(waiting);
  return out;
}

pb::Heartbeat ToPb(const Heartbeat& in) {
  pb::Heartbeat out;
  out.set_last_grant(in.last_grant);
  for (const Credit& credit : in.credits) {
    out.add_credit_executor(static_cast<uint32_t>(credit.executor));
    out.add_credit_tasks(credit.tasks);
  }
  for (const Backlog& backlog : in.backlogs) {
    out.add_backlog_executor(static_cast<uint32_t>(backlog.executor));
    out.add_backlog_work(backlog.work.value);
    out.add_backlog_tasks(backlog.tasks);
  }
  out.set_held_tasks(in.held_tasks);
  out.set_loop_lag(in.loop_lag.count());
  out.set_draining(in.draining);
  FillBegun(in.begun, *out.mutable_begun());
  return out;
}

absl::StatusOr<AgentMessage> FromPb(pb::Heartbeat& in, uint64_t sequence) {
  if (in.credit_executor_size() != in.credit_tasks_size() ||
      in.credit_tasks_size() > kExecutorKinds ||
      in.backlog_executor_size() != in.backlog_tasks_size() ||
      in.backlog_work_size() != in.backlog_tasks_size() ||
      static_cast<size_t>(in.backlog_tasks_size()) > kBacklogsMax) {
    return Malformed("credit or backlog lists do not fit");
  }
  Heartbeat out;
  out.sequence = sequence;
  out.last_grant = in.last_grant();
  out.held_tasks = in.held_tasks();
  out.loop_lag = Duration(in.loop_lag());
  out.draining = in.draining();
  for (int i = 0; i < in.credit_tasks_size(); ++i) {
    if (!IsEnum(in.credit_executor(i), ExecutorKind::kProcessPool)) {
      return Malformed("unknown executor");
    }
    out.credits.push_back(
        {.executor = static_cast<ExecutorKind>(in.credit_executor(i)),
         .tasks = in.credit_tasks(i)});
  }
  for (int i = 0; i < in.backlog_tasks_size(); ++i) {
    if (!IsEnum(in.backlog_executor(i), ExecutorKind::kProcessPool)) {
      return Malformed("unknown executor");
    }
    out.backlogs.push_back(
        {.executor = static_cast<ExecutorKind>(in.backlog_executor(i)),
         .work = WorkKey{in.backlog_work(i)},
         .tasks = in.backlog_tasks(i)});
  }
  auto begun = BegunFrom(in.begun());
  if (!begun.ok()) return begun.status();
  out.begun = *std::move(begun);
  return out;
}

void FillPb(const EndedBatch& in, pb::EndedBatch& out) {
  out.set_job(in.job.value);
  out.set_executor(static_cast<uint32_t>(in.executor));
  uint64_t end = 0;
  for (const EndingRun& run : in.runs) {
    AddRange(run.tasks, *out.mutable_ranges(), end);
    out.add_fence(run.fence.value);
    out.add_ending(static_cast<uint32_t>(run.ending));
    out.add_exit_code(run.exit_code);
    out.add_not_started(run.started ? 0 : 1);
  }
  columns::Collapse(*out.mutable_fence());
  columns::Collapse(*out.mutable_ending());
  columns::Collapse(*out.mutable_exit_code());
  columns::Collapse(*out.mutable_not_started());
  out.set_records(in.records);
}

absl::StatusOr<EndedBatch> FromPb(pb::EndedBatch& in) {
  if (!IsEnum(in.executor(), ExecutorKind::kProcessPool)) {
    return Malformed("unknown executor");
  }
  columns::RangeReader reader(in.ranges());
  const size_t rows = reader.pairs();
  if (rows == 0 || rows > kTasksPerChunk || !reader.WholePairs(in.ranges()) ||
      !Fits(in.fence(), rows) || !Fits(in.ending(), rows) ||
      !Fits(in.exit_code(), rows) || !Fits(in.not_started(), rows)) {
    return Malformed("columns of unequal length");
  }
  EndedBatch out{.job = JobId{in.job()},
                 .executor = static_cast<ExecutorKind>(in.executor()),
                 .runs = {},
                 .records = std::move(*in.mutable_records())};
  out.runs.reserve(rows);
  for (size_t i = 0; i < rows; ++i) {
    const auto range = reader.Next();
    if (!range.has_value()) return Malformed("impossible range");
    const uint32_t ending = At(in.ending(), i);
    if (!IsEnum(ending, Ending::kEvicted)) return Malformed("unknown ending");
    out.runs.push_back({.tasks = *range,
                        .fence = Fence{At(in.fence(), i)},
                        .ending = static_cast<Ending>(ending),
                        .exit_code = At(in.exit_code(), i),
                        .started = At(in.not_started(), i) == 0});
  }
  const IndexRange& last = out.runs.back().tasks;
  if (ChunkOf(out.runs.front().tasks.first) !=
      ChunkOf(last.first + last.count - 1)) {
    return Malformed("results of more than one chunk");
  }
  return out;
}

pb::Results ToPb(const Results& in) {
  pb::Results out;
  for (const EndedBatch& batch : in.batches) FillPb(batch, *out.add_batches());
  FillBegun(in.begun, *out.mutable_begun());
  return out;
}

absl::StatusOr<AgentMessage> FromPb(pb::Results& in, uint64_t sequence) {
  if (TooLong(in.batches())) return Malformed("too many batches");
  auto begun = BegunFrom(in.begun());
  if (!begun.ok()) return begun.status();
  Results out{.sequence = sequence, .batches = {}, .begun = *std::move(begun)};
  out.batches.reserve(static_cast<size_t>(in.batches_size()));
  for (pb::EndedBatch& batch : *in.mutable_batches()) {
    auto ended = FromPb(batch);
    if (!ended.ok()) return ended.status();
    out.batches.push_back(*std::move(ended));
  }
  return out;
}

pb::LogChunk ToPb(const LogChunk& in) {
  pb::LogChunk out;
  out.set_job(in.attempt.job.value);
  out.set_task(in.attempt.task);
  out.set_fence(in.attempt.fence.value);
  out.set_stream(in.stream);
  out.set_offset(in.offset);
  out.set_bytes(in.bytes);
  return out;
}

absl::StatusOr<AgentMessage> FromPb(pb::LogChunk& in, uint64_t sequence) {
  if (in.stream() != 1 && in.stream() != 2) return Malformed("unknown stream");
  return LogChunk{.sequence = sequence,
                  .attempt = {.job = JobId{in.job()},
                              .task = in.task(),
                              .fence = Fence{in.fence()}},
                  .stream = static_cast<uint8_t>(in.stream()),
                  .offset = in.offset(),
                  .bytes = std::move(*in.mutable_bytes())};
}

pb::Goodbye ToPb(const Goodbye& in) {
  pb::Goodbye out;
  out.set_reason(in.reason);
  return out;
}

absl::StatusOr<AgentMessage> FromPb(pb::Goodbye& in, uint64_t) {
  return Goodbye{.reason = std::move(*in.mutable_reason())};
}

pb::Findings ToPb(const Findings& in) {
  pb::Findings out;
  for (const Findings::Item& item : in.items) {
    auto* to = out.add_items();
    to->set_job(item.job.value);
    *to->mutable_finding() = FindingToPb(item.finding);
  }
  for (const Findings::Progress& progress : in.progress) {
    auto* to = out.add_progress();
    to->set_job(progress.job.value);
    *to->mutable_task() = ProgressToPb(progress.task);
  }
  return out;
}

absl::StatusOr<AgentMessage> FromPb(pb::Findings& in, uint64_t) {
  if (static_cast<size_t>(in.items_size()) > Findings::kItemsMax) {
    return Malformed("too many findings");
  }
  Findings out;
  for (pb::Findings::Item& item : *in.mutable_items()) {
    auto finding = FindingFromPb(*item.mutable_finding());
    if (!finding.ok()) return finding.status();
    out.items.push_back(
        {.job = JobId{item.job()}, .finding = *std::move(finding)});
  }
  if (static_cast<size_t>(in.progress_size()) > Findings::kProgressMax) {
    return Malformed("too much progress");
  }
  for (pb::Findings::Progress& progress : *in.mutable_progress()) {
    auto task = ProgressFromPb(*progress.mutable_task());
    if (!task.ok()) return task.status();
    out.progress.push_back(
        {.job = JobId{progress.job()}, .task = *std::move(task)});
  }
  return out;
}

pb::Welcome ToPb(const Welcome& in) {
  pb::Welcome out;
  out.set_protocol(in.protocol);
  out.set_agent(in.agent.value);
  out.set_lease(in.lease.count());
  out.set_heartbeat_interval(in.heartbeat_interval.count());
  *out.mutable_fenced() = ToPb(in.fenced);
  out.set_generation(in.generation);
  out.set_hello(in.hello);
  return out;
}

absl::StatusOr<CoordinatorMessage> FromPb(pb::Welcome& in, uint64_t) {
  if (in.lease() < 0 || in.heartbeat_interval() < 0) {
    return Malformed("negative time");
  }
  auto fenced = FromPb(in.fenced());
  if (!fenced.ok()) return fenced.status();
  return Welcome{.protocol = in.protocol(),
                 .term = {},
                 .session = {},
                 .agent = AgentId{in.agent()},
                 .lease = Duration(in.lease()),
                 .heartbeat_interval = Duration(in.heartbeat_interval()),
                 .fenced = *std::move(fenced),
                 .generation = std::move(*in.mutable_generation()),
                 .hello = in.hello()};
}

pb::Refusal ToPb(const Refusal& in) {
  pb::Refusal out;
  out.set_code(static_cast<uint32_t>(in.code));
  out.set_reason(in.reason);
  return out;
}

absl::StatusOr<CoordinatorMessage> FromPb(pb::Refusal& in, uint64_t) {
  if (!IsEnum(in.code(), Refusal::Code::kSuperseded)) {
    return Malformed("unknown refusal");
  }
  return Refusal{.code = static_cast<Refusal::Code>(in.code()),
                 .reason = std::move(*in.mutable_reason())};
}

pb::HeartbeatAck ToPb(const HeartbeatAck& in) {
  pb::HeartbeatAck out;
  out.set_at(in.at.time_since_epoch().count());
  return out;
}

absl::StatusOr<CoordinatorMessage> FromPb(pb::HeartbeatAck& in,
                                          uint64_t sequence) {
  return HeartbeatAck{.sequence = sequence, .at = WallTime(Duration(in.at()))};
}

pb::Grant ToPb(const Grant& in) {
  pb::Grant out;
  for (const JobDefinition& definition : in.definitions) {
    auto* to = out.add_definitions();
    to->set_job(definition.job.value);
    to->set_job_json(definition.job_json);
  }
  for (const GrantedRange& range : in.ranges) {
    auto* to = out.add_ranges();
    to->set_job(range.job.value);
    to->set_executor(static_cast<uint32_t>(range.executor));
    to->set_first(range.tasks.first);
    to->set_count(range.tasks.count);
    to->set_fence(range.fence.value);
    to->set_items(range.items);
  }
  return out;
}

absl::StatusOr<CoordinatorMessage> FromPb(pb::Grant& in, uint64_t sequence) {
  if (TooLong(in.definitions()) || TooLong(in.ranges())) {
    return Malformed("too many ranges");
  }
  Grant out{.sequence = sequence, .definitions = {}, .ranges = {}};
  for (auto& definition : *in.mutable_definitions()) {
    out.definitions.push_back(
        {.job = JobId{definition.job()},
         .job_json = std::move(*definition.mutable_job_json())});
  }
  for (auto& range : *in.mutable_ranges()) {
    const auto tasks = columns::CheckedRange(range.first(), range.count());
    if (!tasks.has_value()) return Malformed("impossible range");
    if (!IsEnum(range.executor(), ExecutorKind::kProcessPool)) {
      return Malformed("unknown executor");
    }
    out.ranges.push_back(
        {.job = JobId{range.job()},
         .executor = static_cast<ExecutorKind>(range.executor()),
         .tasks = *tasks,
         .fence = Fence{range.fence()},
         .items = std::move(*range.mutable_items())});
  }
  return out;
}

pb::StopTasks ToPb(const StopTasks& in) {
  pb::StopTasks out;
  out.set_reason(static_cast<uint32_t>(in.reason));
  for (const StopTasks::Item& item : in.items) {
    auto* to = out.add_items();
    to->set_job(item.job.value);
    to->set_whole_job(item.whole_job);
    uint64_t end = 0;
    for (const IndexRange& range : item.tasks) {
      AddRange(range, *to->mutable_ranges(), end);
    }
  }
  return out;
}

absl::StatusOr<CoordinatorMessage> FromPb(pb::StopTasks& in, uint64_t) {
  if (TooLong(in.items())) return Malformed("too many jobs");
  if (!IsEnum(in.reason(), StopTasks::Reason::kRetracted)) {
    return Malformed("unknown reason");
  }
  StopTasks out{.reason = static_cast<StopTasks::Reason>(in.reason()),
                .items = {}};
  for (const auto& item : in.items()) {
    columns::RangeReader reader(item.ranges());
    if (!reader.WholePairs(item.ranges()) || reader.pairs() > kWireListMax) {
      return Malformed("bad list of ranges");
    }
    StopTasks::Item to{
        .job = JobId{item.job()}, .whole_job = item.whole_job(), .tasks = {}};
    to.tasks.reserve(reader.pairs());
    for (size_t i = 0; i < reader.pairs(); ++i) {
      const auto range = reader.Next();
      if (!range.has_value()) return Malformed("impossible range");
      to.tasks.push_back(*range);
    }
    out.items.push_back(std::move(to));
  }
  return out;
}

pb::ResultsAck ToPb(const ResultsAck&) { return {}; }

absl::StatusOr<CoordinatorMessage> FromPb(pb::ResultsAck&, uint64_t sequence) {
  return ResultsAck{.up_to = sequence};
}

template <typename Variant>
std::string Serialize(const Variant& message, size_t room) {
  std::string out(room, '\0');
  std::visit(
      [&out](const auto& value) { CHECK(ToPb(value).AppendToString(&out)); },
      message);
  return out;
}

template <typename Message, typename Variant>
absl::StatusOr<Variant> ParseAs(uint64_t sequence, std::string_view body) {
  Message message;
  if (body.size() > kFrameBytesCeiling ||
      !message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return Malformed("body is not of its type");
  }
  return FromPb(message, sequence);
}

}  // namespace

std::string SerializeBody(const AgentMessage& message, size_t room) {
  return Serialize(message, room);
}

std::string SerializeBody(const CoordinatorMessage& message, size_t room) {
  return Serialize(message, room);
}

uint64_t SequenceOf(const AgentMessage& message) {
  struct {
    uint64_t operator()(const Hello& m) const { return m.number; }
    uint64_t operator()(const Heartbeat& m) const { return m.sequence; }
    uint64_t operator()(const Results& m) const { return m.sequence; }
    uint64_t operator()(const LogChunk& m) const { return m.sequence; }
    uint64_t operator()(const Goodbye&) const { return 0; }
    uint64_t operator()(const Findings&) const { return 0; }
  } visitor;
  return std::visit(visitor, message);
}

uint64_t SequenceOf(const CoordinatorMessage& message) {
  struct {
    uint64_t operator()(const Welcome&) const { return 0; }
    uint64_t operator()(const Refusal&) const { return 0; }
    uint64_t operator()(const HeartbeatAck& m) const { return m.sequence; }
    uint64_t operator()(const Grant& m) const { return m.sequence; }
    uint64_t operator()(const StopTasks&) const { return 0; }
    uint64_t operator()(const ResultsAck& m) const { return m.up_to; }
  } visitor;
  return std::visit(visitor, message);
}

absl::StatusOr<AgentMessage> ParseAgentBody(uint8_t type, uint64_t sequence,
                                            std::string_view body) {
  using Parser = absl::StatusOr<AgentMessage> (*)(uint64_t, std::string_view);
  static constexpr std::array<Parser, std::variant_size_v<AgentMessage>>
      kParsers = {ParseAs<pb::Hello, AgentMessage>,
                  ParseAs<pb::Heartbeat, AgentMessage>,
                  ParseAs<pb::Results, AgentMessage>,
                  ParseAs<pb::LogChunk, AgentMessage>,
                  ParseAs<pb::Goodbye, AgentMessage>,
                  ParseAs<pb::Findings, AgentMessage>};
  const size_t index = size_t{type} - frame_types::kAgentBase;
  if (index >= kParsers.size()) {
    return absl::UnimplementedError("message type of another version");
  }
  return kParsers[index](sequence, body);
}

absl::StatusOr<CoordinatorMessage> ParseCoordinatorBody(uint8_t type,
                                                        uint64_t sequence,
                                                        std::string_view body) {
  using Parser =
      absl::StatusOr<CoordinatorMessage> (*)(uint64_t, std::string_view);
  static constexpr std::array<Parser, std::variant_size_v<CoordinatorMessage>>
      kParsers = {ParseAs<pb::Welcome, CoordinatorMessage>,
                  ParseAs<pb::Refusal, CoordinatorMessage>,
                  ParseAs<pb::HeartbeatAck, CoordinatorMessage>,
                  ParseAs<pb::Grant, CoordinatorMessage>,
                  ParseAs<pb::StopTasks, CoordinatorMessage>,
                  ParseAs<pb::ResultsAck, CoordinatorMessage>};
  const size_t index = size_t{type} - frame_types::kCoordinatorBase;
  if (index >= kParsers.size()) {
    return absl::UnimplementedError("message type of another version");
  }
  return kParsers[index](sequence, body);
}

}  // namespace remuda

#include "wire/client_bodies.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "wire/finding_bodies.h"
#include "wire/frame_limits.h"
#include "wire/frame_types.h"
#include "wire/remuda.pb.h"

namespace remuda {
namespace {

absl::Status Malformed(const char* what) {
  return absl::InvalidArgumentError(what);
}

int64_t Nanoseconds(WallTime time) { return time.time_since_epoch().count(); }

WallTime WallFrom(int64_t nanoseconds) {
  return WallTime(Duration(nanoseconds));
}

pb::UploadItems ToPb(const UploadItems& in) {
  pb::UploadItems out;
  out.set_key(in.key);
  out.set_document(in.document);
  out.set_offset(in.offset);
  out.set_bytes(in.bytes);
  return out;
}

absl::StatusOr<ClientRequest> FromPb(pb::UploadItems& in) {
  if (in.bytes().size() > UploadItems::kBytesMax) {
    return Malformed("piece of items is too big");
  }
  if (in.document() >= Submit::kJobsMax) return Malformed("no such document");
  return UploadItems{.key = std::move(*in.mutable_key()),
                     .document = in.document(),
                     .offset = in.offset(),
                     .bytes = std::move(*in.mutable_bytes())};
}

pb::Submit ToPb(const Submit& in) {
  pb::Submit out;
  out.set_key(in.key);
  for (const std::string& job : in.jobs) out.add_jobs(job);
  out.set_watch(in.watch);
  return out;
}

absl::StatusOr<ClientRequest> FromPb(pb::Submit& in) {
  if (static_cast<size_t>(in.jobs_size()) > Submit::kJobsMax) {
    return Malformed("more jobs than one submission may have");
  }
  Submit out{
      .key = std::move(*in.mutable_key()), .jobs = {}, .watch = in.watch()};
  for (std::string& job : *in.mutable_jobs()) {
    out.jobs.push_back(std::move(job));
  }
  return out;
}

pb::CancelJob ToPb(const CancelJob& in) {
  pb::CancelJob out;
  out.set_job(in.job.value);
  out.set_reason(in.reason);
  return out;
}

absl::StatusOr<ClientRequest> FromPb(pb::CancelJob& in) {
  return CancelJob{.job = JobId{in.job()},
                   .reason = std::move(*in.mutable_reason())};
}

template <typename List>
std::vector<JobId> JobIds(const List& in) {
  std::vector<JobId> out;
  out.reserve(static_cast<size_t>(in.size()));
  for (const uint64_t id : in) out.push_back(JobId{id});
  return out;
}

pb::GetJobs ToPb(const GetJobs& in) {
  pb::GetJobs out;
  for (const JobId id : in.ids) out.add_ids(id.value);
  out.set_limit(in.limit);
  return out;
}

absl::StatusOr<ClientRequest> FromPb(pb::GetJobs& in) {
  if (TooLong(in.ids())) return Malformed("too many jobs");
  return GetJobs{.ids = JobIds(in.ids()), .limit = in.limit()};
}

pb::WatchJobs ToPb(const WatchJobs& in) {
  pb::WatchJobs out;
  for (const JobId id : in.ids) out.add_ids(id.value);
  return out;
}

absl::StatusOr<ClientRequest> FromPb(pb::WatchJobs& in) {
  if (TooLong(in.ids())) return Malformed("too many jobs");
  return WatchJobs{.ids = JobIds(in.ids())};
}

pb::GetResults ToPb(const GetResults& in) {
  pb::GetResults out;
  out.set_job(in.job.value);
  out.set_first(in.first);
  out.set_limit(in.limit);
  out.set_only_not_succeeded(in.only_not_succeeded);
  out.set_with_records(in.with_records);
  return out;
}

absl::StatusOr<ClientRequest> FromPb(pb::GetResults& in) {
  return GetResults{.job = JobId{in.job()},
                    .first = in.first(),
                    .limit = in.limit(),
                    .only_not_succeeded = in.only_not_succeeded(),
                    .with_records = in.with_records()};
}

pb::GetLogs ToPb(const GetLogs& in) {
  pb::GetLogs out;
  out.set_job(in.job.value);
  out.set_task(in.task);
  out.set_stream(in.stream);
  out.set_offset(in.offset);
  out.set_bytes_max(in.bytes_max);
  return out;
}

absl::StatusOr<ClientRequest> FromPb(pb::GetLogs& in) {
  if (in.stream() != 1 && in.stream() != 2) return Malformed("unknown stream");
  return GetLogs{.job = JobId{in.job()},
                 .task = in.task(),
                 .stream = static_cast<uint8_t>(in.stream()),
                 .offset = in.offset(),
                 .bytes_max = in.bytes_max()};
}

pb::GetAgents ToPb(const GetAgents&) { return {}; }

absl::StatusOr<ClientRequest> FromPb(pb::GetAgents&) { return GetAgents{}; }

pb::GetInfo ToPb(const GetInfo&) { return {}; }

absl::StatusOr<ClientRequest> FromPb(pb::GetInfo&) { return GetInfo{}; }

pb::GetVerdicts ToPb(const GetVerdicts& in) {
  pb::GetVerdicts out;
  out.set_job(in.job.value);
  return out;
}

absl::StatusOr<ClientRequest> FromPb(pb::GetVerdicts& in) {
  return GetVerdicts{.job = JobId{in.job()}};
}

void FillPb(const JobSummary& in, pb::JobSummary& out) {
  out.set_id(in.id.value);
  out.set_name(in.name);
  out.set_type(in.type);
  out.set_state(static_cast<uint32_t>(in.state));
  out.set_executor(static_cast<uint32_t>(in.executor));
  out.set_executor_reason(in.executor_reason);
  out.set_total(in.total);
  if (in.slots_each != 1) out.set_slots_each(in.slots_each);
  out.mutable_tasks()->Add(in.tasks.begin(), in.tasks.end());
  out.set_attempts(in.attempts);
  out.set_infrastructure_losses(in.infrastructure_losses);
  out.set_accepted_at(Nanoseconds(in.accepted_at));
  if (in.started_at) out.set_started_at(Nanoseconds(*in.started_at));
  if (in.finished_at) out.set_finished_at(Nanoseconds(*in.finished_at));
  out.set_reason(in.reason);
  out.set_owner(in.owner);
  for (const JobFinding& finding : in.findings) {
    *out.add_findings() = FindingToPb(finding);
  }
  for (const TaskProgress& progress : in.progress) {
    *out.add_progress() = ProgressToPb(progress);
  }
}

// Many jobs with many findings each would not fit a frame: what comes after
// this much is left out, and whoever asks for a job alone gets all of it.
template <typename List>
void FillJobs(const std::vector<JobSummary>& jobs, List& list) {
  constexpr size_t kFindingsBytesMax = 256u << 10;
  size_t bytes = 0;
  for (const JobSummary& job : jobs) {
    auto* to = list.Add();
    FillPb(job, *to);
    for (const auto& finding : to->findings()) bytes += finding.ByteSizeLong();
    if (bytes > kFindingsBytesMax) to->clear_findings();
  }
}

absl::StatusOr<JobSummary> SummaryFromPb(pb::JobSummary& in) {
  if (!IsEnum(in.state(), JobState::kCancelled) ||
      !IsEnum(in.executor(), ExecutorKind::kProcessPool) ||
      in.tasks_size() != kTaskStates) {
    return Malformed("impossible job");
  }
  JobSummary out{.id = JobId{in.id()},
                 .name = std::move(*in.mutable_name()),
                 .type = std::move(*in.mutable_type()),
                 .state = static_cast<JobState>(in.state()),
                 .executor = static_cast<ExecutorKind>(in.executor()),
                 .executor_reason = std::move(*in.mutable_executor_reason()),
                 .total = in.total(),
                 .slots_each = std::max(in.slots_each(), 1u),
                 .tasks = {},
                 .attempts = in.attempts(),
                 .infrastructure_losses = in.infrastructure_losses(),
                 .accepted_at = WallFrom(in.accepted_at()),
                 .started_at = std::nullopt,
                 .finished_at = std::nullopt,
                 .reason = std::move(*in.mutable_reason()),
                 .owner = std::move(*in.mutable_owner()),
                 .findings = {},
                 .progress = {}};
  if (in.findings_size() > static_cast<int>(kJobFindingsMax)) {
    return Malformed("too many findings");
  }
  for (pb::JobFinding& finding : *in.mutable_findings()) {
    auto read = FindingFromPb(finding);
    if (!read.ok()) return read.status();
    out.findings.push_back(*std::move(read));
  }
  if (in.progress_size() > static_cast<int>(kJobProgressMax)) {
    return Malformed("too much progress");
  }
  for (pb::TaskProgress& progress : *in.mutable_progress()) {
    auto read = ProgressFromPb(progress);
    if (!read.ok()) return read.status();
    out.progress.push_back(*std::move(read));
  }
  std::copy(in.tasks().begin(), in.tasks().end(), out.tasks.begin());
  if (in.has_started_at()) out.started_at = WallFrom(in.started_at());
  if (in.has_finished_at()) out.finished_at = WallFrom(in.finished_at());
  return out;
}

template <typename List>
absl::StatusOr<std::vector<JobSummary>> SummariesFromPb(List& in) {
  if (TooLong(in)) return Malformed("too many jobs");
  std::vector<JobSummary> out;
  out.reserve(static_cast<size_t>(in.size()));
  for (pb::JobSummary& job : in) {
    auto summary = SummaryFromPb(job);
    if (!summary.ok()) return summary.status();
    out.push_back(*std::move(summary));
  }
  return out;
}

pb::UploadAccepted ToPb(const UploadAccepted& in) {
  pb::UploadAccepted out;
  out.set_bytes(in.bytes);
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::UploadAccepted& in) {
  return UploadAccepted{.bytes = in.bytes()};
}

pb::Accepted ToPb(const Accepted& in) {
  pb::Accepted out;
  FillJobs(in.jobs, *out.mutable_jobs());
  out.set_existed(in.existed);
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::Accepted& in) {
  auto jobs = SummariesFromPb(*in.mutable_jobs());
  if (!jobs.ok()) return jobs.status();
  return Accepted{.jobs = *std::move(jobs), .existed = in.existed()};
}

pb::CancelReply ToPb(const CancelReply& in) {
  pb::CancelReply out;
  out.set_result(static_cast<uint32_t>(in.result));
  FillPb(in.job, *out.mutable_job());
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::CancelReply& in) {
  if (!IsEnum(in.result(), CancelReply::Result::kTooLate)) {
    return Malformed("unknown result");
  }
  auto job = SummaryFromPb(*in.mutable_job());
  if (!job.ok()) return job.status();
  return CancelReply{.result = static_cast<CancelReply::Result>(in.result()),
                     .job = *std::move(job)};
}

pb::JobSummaries ToPb(const JobSummaries& in) {
  pb::JobSummaries out;
  FillJobs(in.jobs, *out.mutable_jobs());
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::JobSummaries& in) {
  auto jobs = SummariesFromPb(*in.mutable_jobs());
  if (!jobs.ok()) return jobs.status();
  return JobSummaries{.jobs = *std::move(jobs)};
}

void FillPb(const Usage& in, pb::Usage& out) {
  if (in.cpu) out.set_cpu(in.cpu->count());
  if (in.run_queue_delay) {
    out.set_run_queue_delay(in.run_queue_delay->count());
  }
  if (in.switches_voluntary) {
    out.set_switches_voluntary(*in.switches_voluntary);
  }
  if (in.switches_involuntary) {
    out.set_switches_involuntary(*in.switches_involuntary);
  }
  if (in.memory_max_bytes) out.set_memory_max_bytes(*in.memory_max_bytes);
  if (in.gil_wait) out.set_gil_wait(in.gil_wait->count());
  if (in.gil_held) out.set_gil_held(in.gil_held->count());
  if (in.loop_wait) out.set_loop_wait(in.loop_wait->count());
  if (in.loop_lag) out.set_loop_lag(in.loop_lag->count());
  if (in.bytes_in) out.set_bytes_in(*in.bytes_in);
  if (in.bytes_out) out.set_bytes_out(*in.bytes_out);
}

Usage UsageFromPb(const pb::Usage& in) {
  Usage out;
  if (in.has_cpu()) out.cpu = Duration(in.cpu());
  if (in.has_run_queue_delay()) {
    out.run_queue_delay = Duration(in.run_queue_delay());
  }
  if (in.has_switches_voluntary()) {
    out.switches_voluntary = in.switches_voluntary();
  }
  if (in.has_switches_involuntary()) {
    out.switches_involuntary = in.switches_involuntary();
  }
  if (in.has_memory_max_bytes()) out.memory_max_bytes = in.memory_max_bytes();
  if (in.has_gil_wait()) out.gil_wait = Duration(in.gil_wait());
  if (in.has_gil_held()) out.gil_held = Duration(in.gil_held());
  if (in.has_loop_wait()) out.loop_wait = Duration(in.loop_wait());
  if (in.has_loop_lag()) out.loop_lag = Duration(in.loop_lag());
  if (in.has_bytes_in()) out.bytes_in = in.bytes_in();
  if (in.has_bytes_out()) out.bytes_out = in.bytes_out();
  return out;
}

void FillPb(const TaskRow& in, pb::TaskRow& out) {
  out.set_index(in.index);
  out.set_state(static_cast<uint32_t>(in.state));
  out.set_item(in.item);
  out.set_attempts(in.attempts);
  out.set_infrastructure_losses(in.infrastructure_losses);
  out.set_ending(static_cast<uint32_t>(in.ending));
  out.set_exit_code(in.exit_code);
  out.set_executor(static_cast<uint32_t>(in.executor));
  out.set_agent(in.agent);
  if (in.ended_at) out.set_ended_at(Nanoseconds(*in.ended_at));
  out.set_wall(in.wall.count());
  out.set_output(in.output);
  out.set_error(in.error);
  if (in.usage != Usage{}) FillPb(in.usage, *out.mutable_usage());
}

absl::StatusOr<TaskRow> TaskRowFromPb(pb::TaskRow& in) {
  if (!IsEnum(in.state(), TaskState::kSkipped) ||
      !IsEnum(in.ending(), Ending::kEvicted) ||
      !IsEnum(in.executor(), ExecutorKind::kProcessPool)) {
    return Malformed("impossible task");
  }
  TaskRow out{.index = in.index(),
              .state = static_cast<TaskState>(in.state()),
              .item = std::move(*in.mutable_item()),
              .attempts = in.attempts(),
              .infrastructure_losses = in.infrastructure_losses(),
              .ending = static_cast<Ending>(in.ending()),
              .exit_code = in.exit_code(),
              .executor = static_cast<ExecutorKind>(in.executor()),
              .agent = std::move(*in.mutable_agent()),
              .ended_at = std::nullopt,
              .wall = Duration(in.wall()),
              .output = std::move(*in.mutable_output()),
              .error = std::move(*in.mutable_error()),
              .usage = UsageFromPb(in.usage())};
  if (in.has_ended_at()) out.ended_at = WallFrom(in.ended_at());
  return out;
}

pb::ResultPage ToPb(const ResultPage& in) {
  pb::ResultPage out;
  for (const TaskRow& task : in.tasks) FillPb(task, *out.add_tasks());
  out.set_next(in.next);
  out.set_end(in.end);
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::ResultPage& in) {
  if (TooLong(in.tasks())) return Malformed("too many tasks");
  ResultPage out{.tasks = {}, .next = in.next(), .end = in.end()};
  out.tasks.reserve(static_cast<size_t>(in.tasks_size()));
  for (pb::TaskRow& task : *in.mutable_tasks()) {
    auto row = TaskRowFromPb(task);
    if (!row.ok()) return row.status();
    out.tasks.push_back(*std::move(row));
  }
  return out;
}

pb::LogPage ToPb(const LogPage& in) {
  pb::LogPage out;
  out.set_bytes(in.bytes);
  out.set_next(in.next);
  out.set_end(in.end);
  out.set_truncated(in.truncated);
  out.set_found(in.found);
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::LogPage& in) {
  return LogPage{.bytes = std::move(*in.mutable_bytes()),
                 .next = in.next(),
                 .end = in.end(),
                 .truncated = in.truncated(),
                 .found = in.found()};
}

pb::AgentSummaries ToPb(const AgentSummaries& in) {
  pb::AgentSummaries out;
  for (const AgentSummary& agent : in.agents) {
    auto* to = out.add_agents();
    to->set_id(agent.id.value);
    to->set_name(agent.name);
    to->set_state(static_cast<uint32_t>(agent.state));
    for (const auto& [name, slots] : agent.executors) {
      (*to->mutable_executors())[name] = slots;
    }
    for (const auto& [key, value] : agent.labels) {
      (*to->mutable_labels())[key] = value;
    }
    to->set_running(agent.running);
    for (const std::string& type : agent.job_types) to->add_job_types(type);
  }
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::AgentSummaries& in) {
  if (TooLong(in.agents())) return Malformed("too many agents");
  AgentSummaries out;
  for (pb::AgentSummary& agent : *in.mutable_agents()) {
    if (!IsEnum(agent.state(), AgentState::kLost)) {
      return Malformed("impossible agent");
    }
    if (TooLong(agent.job_types())) return Malformed("too many job types");
    out.agents.push_back(
        {.id = AgentId{agent.id()},
         .name = std::move(*agent.mutable_name()),
         .state = static_cast<AgentState>(agent.state()),
         .executors = {agent.executors().begin(), agent.executors().end()},
         .labels = {agent.labels().begin(), agent.labels().end()},
         .running = agent.running(),
         .job_types = {agent.job_types().begin(), agent.job_types().end()}});
  }
  return out;
}

pb::Info ToPb(const Info& in) {
  pb::Info out;
  out.set_version(in.version);
  out.set_term(in.term.value);
  out.set_durability(in.durability);
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::Info& in) {
  return Info{.version = std::move(*in.mutable_version()),
              .term = Term{in.term()},
              .durability = std::move(*in.mutable_durability())};
}

pb::Verdicts ToPb(const Verdicts& in) {
  pb::Verdicts out;
  for (const std::string& verdict : in.verdicts) out.add_verdicts(verdict);
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::Verdicts& in) {
  if (TooLong(in.verdicts())) return Malformed("too many verdicts");
  Verdicts out;
  for (std::string& verdict : *in.mutable_verdicts()) {
    out.verdicts.push_back(std::move(verdict));
  }
  return out;
}

pb::RequestError ToPb(const RequestError& in) {
  pb::RequestError out;
  out.set_code(static_cast<uint32_t>(in.code));
  out.set_message(in.message);
  return out;
}

absl::StatusOr<ClientReply> FromPb(pb::RequestError& in) {
  if (!IsEnum(in.code(), RequestError::Code::kForbidden)) {
    return Malformed("unknown error");
  }
  return RequestError{.code = static_cast<RequestError::Code>(in.code()),
                      .message = std::move(*in.mutable_message())};
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
absl::StatusOr<Variant> ParseAs(std::string_view body) {
  Message message;
  if (body.size() > kFrameBytesCeiling ||
      !message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return Malformed("body is not of its type");
  }
  return FromPb(message);
}

}  // namespace

std::string SerializeBody(const ClientRequest& request, size_t room) {
  return Serialize(request, room);
}

std::string SerializeBody(const ClientReply& reply, size_t room) {
  return Serialize(reply, room);
}

absl::StatusOr<ClientRequest> ParseRequestBody(uint8_t type,
                                               std::string_view body) {
  using Parser = absl::StatusOr<ClientRequest> (*)(std::string_view);
  static constexpr std::array<Parser, std::variant_size_v<ClientRequest>>
      kParsers = {ParseAs<pb::UploadItems, ClientRequest>,
                  ParseAs<pb::Submit, ClientRequest>,
                  ParseAs<pb::CancelJob, ClientRequest>,
                  ParseAs<pb::GetJobs, ClientRequest>,
                  ParseAs<pb::WatchJobs, ClientRequest>,
                  ParseAs<pb::GetResults, ClientRequest>,
                  ParseAs<pb::GetLogs, ClientRequest>,
                  ParseAs<pb::GetAgents, ClientRequest>,
                  ParseAs<pb::GetInfo, ClientRequest>,
                  ParseAs<pb::GetVerdicts, ClientRequest>};
  const size_t index = size_t{type} - frame_types::kRequestBase;
  if (index >= kParsers.size()) {
    return absl::UnimplementedError("request type of another version");
  }
  return kParsers[index](body);
}

absl::StatusOr<ClientReply> ParseReplyBody(uint8_t type,
                                           std::string_view body) {
  using Parser = absl::StatusOr<ClientReply> (*)(std::string_view);
  static constexpr std::array<Parser, std::variant_size_v<ClientReply>>
      kParsers = {ParseAs<pb::UploadAccepted, ClientReply>,
                  ParseAs<pb::Accepted, ClientReply>,
                  ParseAs<pb::CancelReply, ClientReply>,
                  ParseAs<pb::JobSummaries, ClientReply>,
                  ParseAs<pb::ResultPage, ClientReply>,
                  ParseAs<pb::LogPage, ClientReply>,
                  ParseAs<pb::AgentSummaries, ClientReply>,
                  ParseAs<pb::Info, ClientReply>,
                  ParseAs<pb::RequestError, ClientReply>,
                  ParseAs<pb::Verdicts, ClientReply>};
  const size_t index = size_t{type} - frame_types::kReplyBase;
  if (index >= kParsers.size()) {
    return absl::UnimplementedError("reply type of another version");
  }
  return kParsers[index](body);
}

}  // namespace remuda

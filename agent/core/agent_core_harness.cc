#include "agent/core/agent_core_harness.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "jobs/job_json.h"

namespace remuda {
namespace {

uint64_t SequenceOf(const AgentMessage& message) {
  if (const auto* results = std::get_if<Results>(&message)) {
    return results->sequence;
  }
  return std::get<LogChunk>(message).sequence;
}

Job JobOf(Duration timeout) {
  Job job;
  job.name = "test";
  job.type = "noop";
  job.timeout = timeout;
  return job;
}

}  // namespace

AgentCoreHarness::AgentCoreHarness(std::vector<ExecutorOffer> offers,
                                   size_t line_max) {
  for (const ExecutorOffer& offer : offers) {
    executors_[offer.kind] = std::make_unique<ScriptedExecutor>(
        ExecutorFacts{.kind = offer.kind,
                      .slots = static_cast<size_t>(offer.slots)},
        nullptr, line_max);
  }
  core_ = std::make_unique<AgentCore>(AgentCoreOptions{
      .version = "1", .name = "a", .instance = "f00d", .executors = offers});
}

AgentTime AgentCoreHarness::Time() const {
  return {.monotonic = now_,
          .wall = WallTime(std::chrono::hours(1)) + now_.time_since_epoch()};
}

void AgentCoreHarness::Inherit(const std::string& generation, Term term,
                               std::vector<AgentMessage> messages) {
  InheritedResults inherited = {.generation = generation,
                                .term = term,
                                .first = SequenceOf(messages.front())};
  for (AgentMessage& message : messages) {
    InheritedResults::Message& settled = inherited.messages.emplace_back();
    if (const auto* results = std::get_if<Results>(&message)) {
      for (const EndedBatch& batch : results->batches) {
        for (const EndingRun& run : batch.runs) {
          (run.started ? settled.ended : settled.not_started)
              .push_back({batch.job, run.tasks, run.fence});
        }
      }
    }
    last_sequence_ = SequenceOf(message);
    spool_[last_sequence_] = std::move(message);
  }
  core_->Inherit(now_, std::move(inherited));
}

void AgentCoreHarness::Register() {
  core_->OnConnected(now_);
  Turn();
  Deliver(Welcome{.term = {1},
                  .session = {1},
                  .agent = {1},
                  .lease = std::chrono::seconds(30),
                  .heartbeat_interval = std::chrono::seconds(2)});
  grants_ = 0;
}

void AgentCoreHarness::Deliver(CoordinatorMessage message) {
  core_->OnMessage(Time(), std::move(message));
  Turn();
}

void AgentCoreHarness::Advance(Duration duration) {
  const MonotonicTime until = now_ + duration;
  while (true) {
    MonotonicTime next = until;
    for (const auto& [kind, executor] : executors_) {
      next = std::min(next, executor->next_due().value_or(until));
    }
    next = std::min(next, core_->next_time().value_or(until));
    now_ = std::max(now_, next);
    for (const auto& [kind, executor] : executors_) executor->AdvanceTo(now_);
    Turn();
    if (now_ >= until) return;
    // Something due that is never done would hang the test.
    if (core_->next_time().value_or(until) <= now_) {
      now_ += std::chrono::milliseconds(1);
    }
  }
}

void AgentCoreHarness::Sleep(Duration duration) {
  now_ += duration;
  for (const auto& [kind, executor] : executors_) executor->AdvanceTo(now_);
  Turn();
}

void AgentCoreHarness::Turn() {
  // Turns follow each other at once as long as one causes the next.
  for (int rounds = 0; rounds < 1000; ++rounds) {
    for (const auto& [kind, executor] : executors_) {
      core_->OnFindings(executor->TakeFindings());
      core_->OnOutcomes(Time(), kind, executor->TakeOutcomes());
    }
    core_->OnTime(now_);
    ExecutorCapacities room = {};
    for (const auto& [kind, executor] : executors_) {
      room[static_cast<size_t>(kind)] = executor->capacity();
    }
    AgentOutput output = core_->TakeOutput(now_, room);
    const bool again = !output.reads.empty() || !output.stops.empty();
    Perform(std::move(output));
    if (!again) return;
  }
}

void AgentCoreHarness::Perform(AgentOutput output) {
  for (AgentNote& note : output.notes) notes_.push_back(std::move(note));
  spool_.erase(spool_.begin(), spool_.upper_bound(output.release_up_to));
  for (AgentMessage& message : output.spool) {
    CHECK_EQ(SequenceOf(message), last_sequence_ + 1);
    spool_[++last_sequence_] = std::move(message);
  }
  keep_up_to_ = output.keep_up_to;
  for (AgentMessage& message : output.send) {
    sent_.push_back(message);
    if (const auto* heartbeat = std::get_if<Heartbeat>(&message);
        heartbeat != nullptr && acks_heartbeats) {
      core_->OnMessage(Time(), HeartbeatAck{.sequence = heartbeat->sequence});
    }
  }
  if (output.send_spooled.has_value()) {
    for (uint64_t sequence = output.send_spooled->first;
         sequence <= output.send_spooled->last; ++sequence) {
      sent_.push_back(spool_.at(sequence));
    }
  }
  for (StartAttempts& batch : output.starts) {
    const absl::Status started =
        executors_.at(batch.executor)->Start(batch.attempts);
    if (!started.ok()) {
      core_->OnStartRefused(Time(), std::move(batch), started);
    }
  }
  for (const StopAttempt& stop : output.stops) {
    executors_.at(stop.executor)->Cancel(stop.id, stop.mode);
  }
  for (const ReadLog& read : output.reads) {
    const std::string& text = logs[{read.folder, read.stream}];
    const size_t offset = std::min<size_t>(read.offset, text.size());
    LogRead answer = {.attempt = read.attempt,
                      .stream = read.stream,
                      .offset = read.offset,
                      .bytes = text.substr(offset, read.bytes_max)};
    answer.is_end = offset + answer.bytes.size() == text.size();
    core_->OnLogRead(std::move(answer));
  }
  for (std::string& folder : output.folders_to_delete) {
    folders_deleted_.push_back(std::move(folder));
  }
  if (output.ended.has_value()) ended_ = output.ended;
  if (output.goodbye.has_value()) goodbyes_.push_back(*output.goodbye);
}

JobDefinition AgentCoreHarness::RangeJob(uint64_t id, uint64_t count,
                                         Duration timeout) {
  Job job = JobOf(timeout);
  job.tasks.kind = TaskSource::Kind::kRange;
  job.tasks.written = TaskSource::Written::kRange;
  job.tasks.from = 0;
  job.tasks.to = static_cast<int64_t>(count) - 1;
  return {.job = {id}, .job_json = JobToJson(job)};
}

JobDefinition AgentCoreHarness::ListJob(uint64_t id, uint64_t count) {
  Job job = JobOf(Duration::zero());
  job.tasks.kind = TaskSource::Kind::kList;
  job.tasks.written = TaskSource::Written::kLines;
  job.tasks.list_count = count;
  return {.job = {id}, .job_json = JobToJson(job)};
}

void AgentCoreHarness::Grant(std::vector<JobDefinition> definitions,
                             std::vector<GrantedRange> ranges) {
  Deliver(remuda::Grant{.sequence = ++grants_,
                        .definitions = std::move(definitions),
                        .ranges = std::move(ranges)});
}

GrantedRange AgentCoreHarness::Range(uint64_t job, uint64_t first,
                                     uint64_t count, uint32_t fence) {
  return {.job = {job},
          .executor = ExecutorKind::kAsync,
          .tasks = {first, count},
          .fence = {fence}};
}

AttemptId AgentCoreHarness::Id(uint64_t job, uint64_t task, uint32_t fence) {
  return {.job = {job}, .task = task, .fence = {fence}};
}

std::vector<EndingRun> AgentCoreHarness::TakeRuns() {
  std::vector<EndingRun> runs;
  for (const Results& results : Take<Results>()) {
    for (const EndedBatch& batch : results.batches) {
      runs.insert(runs.end(), batch.runs.begin(), batch.runs.end());
    }
  }
  return runs;
}

std::vector<EndingRun> AgentCoreHarness::TakeRunsAndAck() {
  std::vector<EndingRun> runs;
  while (true) {
    const std::vector<EndingRun> more = TakeRuns();
    if (more.empty()) return runs;
    runs.insert(runs.end(), more.begin(), more.end());
    AckAll();
  }
}

void AgentCoreHarness::AckAll() {
  Deliver(ResultsAck{.up_to = last_sequence_});
}

std::vector<AttemptRecord> AgentCoreHarness::RecordsOf(const Results& results) {
  std::vector<AttemptRecord> records;
  for (const EndedBatch& batch : results.batches) {
    if (batch.records.empty()) continue;
    auto decoded = DecodeAttemptRecords(batch.records);
    CHECK_OK(decoded);
    records.insert(records.end(), decoded->begin(), decoded->end());
  }
  return records;
}

}  // namespace remuda

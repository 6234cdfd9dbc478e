#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "coordinator/server/scripted_peer.h"
#include "jobs/job_json.h"
#include "wire/attempt_records.h"
#include "wire/codec.h"

namespace remuda {

// An agent that says what it is told to say: every task succeeds.
//
// Thread: the test's.
class ScriptedAgent {
 public:
  ScriptedAgent(const std::string& endpoint, WireContext& context,
                const std::string& instance)
      : peer_(endpoint, context), instance_(instance) {
    peer_.on_message = [this](const CoordinatorFrame& frame) { On(frame); };
  }

  ScriptedPeer& peer() { return peer_; }

  // Registers with what it holds and offers credit.
  void Register(uint64_t credit, std::vector<FencedRange> held = {}) {
    Hello hello;
    hello.version = "test";
    hello.name = "test-agent";
    hello.instance = instance_;
    hello.executors = {{.kind = ExecutorKind::kAsync, .slots = credit}};
    hello.job_types = {"noop", "sleep"};
    hello.held = std::move(held);
    hello.number = ++hellos_;
    hello.results_first = sequence_ + 1;
    welcome.reset();
    peer_.SendFrame(EncodeAgent(hello, {}, {}));
    CHECK(peer_.WaitUntil([this] { return welcome.has_value(); }));
    Beat(credit);
  }

  void Beat(uint64_t credit) {
    Heartbeat beat;
    beat.sequence = ++beats_;
    beat.last_grant = last_grant_;
    beat.credits = {{.executor = ExecutorKind::kAsync, .tasks = credit}};
    Say(beat);
  }

  // Reports all tasks of a range as succeeded, one batch a chunk.
  void Succeed(const GrantedRange& range) {
    Results results;
    results.sequence = ++sequence_;
    TaskIndex task = range.tasks.first;
    const TaskIndex end = task + range.tasks.count;
    while (task < end) {
      const TaskIndex stop =
          std::min(end, (ChunkOf(task) + 1) * kTasksPerChunk);
      results.batches.push_back(Batch(range, task, stop));
      task = stop;
    }
    Say(results);
  }

  void Say(const AgentMessage& message) {
    peer_.SendFrame(EncodeAgent(message, welcome_term_, session_));
  }

  std::optional<Welcome> welcome;
  std::vector<GrantedRange> granted;
  std::vector<StopTasks> stops;
  std::vector<Refusal> refusals;
  uint64_t acked = 0;
  bool works = true;  // reports each grant at once

 private:
  static EndedBatch Batch(const GrantedRange& range, TaskIndex first,
                          TaskIndex end) {
    std::vector<AttemptRecord> records;
    for (TaskIndex task = first; task < end; ++task) {
      AttemptRecord record;
      record.task = task;
      record.fence = range.fence;
      record.ended_at = WallTime(std::chrono::seconds(1'000));
      record.output = std::to_string(task);
      records.push_back(record);
    }
    EndedBatch batch;
    batch.job = range.job;
    batch.executor = range.executor;
    batch.runs = {{.tasks = {.first = first, .count = end - first},
                   .fence = range.fence}};
    batch.records = EncodeAttemptRecords(records);
    return batch;
  }

  void On(const CoordinatorFrame& frame) {
    if (const auto* hi = std::get_if<Welcome>(&frame.message)) {
      welcome = *hi;
      welcome_term_ = frame.term;
      session_ = frame.session;
      last_grant_ = 0;
    } else if (const auto* grant = std::get_if<Grant>(&frame.message)) {
      last_grant_ = grant->sequence;
      for (const GrantedRange& range : grant->ranges) {
        granted.push_back(range);
        if (works) Succeed(range);
      }
    } else if (const auto* stop = std::get_if<StopTasks>(&frame.message)) {
      stops.push_back(*stop);
    } else if (const auto* ack = std::get_if<ResultsAck>(&frame.message)) {
      acked = ack->up_to;
    } else if (const auto* no = std::get_if<Refusal>(&frame.message)) {
      refusals.push_back(*no);
    }
  }

  ScriptedPeer peer_;
  const std::string instance_;
  Term welcome_term_;
  SessionId session_;
  uint64_t hellos_ = 0;
  uint64_t beats_ = 0;
  uint64_t sequence_ = 0;
  uint64_t last_grant_ = 0;
};

// JSON of a `noop` job on the async executor over the numbers 0 to tasks - 1.
inline std::string NoopJobJson(uint64_t tasks) {
  Job job;
  job.name = "test";
  job.type = "noop";
  job.executor.exactly = ExecutorKind::kAsync;
  job.tasks.kind = TaskSource::Kind::kRange;
  job.tasks.written = TaskSource::Written::kRange;
  job.tasks.to = static_cast<int64_t>(tasks) - 1;
  return JobToJson(job);
}

}  // namespace remuda

// The second half of CoordinatorMetrics: what it takes over from the core. Kept
// apart because the catalogue alone fills a source file.
#include <algorithm>

#include "base/log.h"
#include "coordinator/server/coordinator_metrics.h"

namespace remuda {
namespace {

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void Add(const ClassCounters& one, ClassCounters& sum) {
  sum.attempts_started += one.attempts_started;
  sum.attempts_handed_back += one.attempts_handed_back;
  sum.tasks_granted += one.tasks_granted;
  sum.retries_lost += one.retries_lost;
  sum.quarantined += one.quarantined;
  for (size_t ending = 0; ending < kEndings; ++ending) {
    sum.attempts_finished[ending] += one.attempts_finished[ending];
    sum.retries[ending] += one.retries[ending];
  }
  for (size_t state = 0; state < kTaskStates; ++state) {
    sum.tasks_finished[state] += one.tasks_finished[state];
  }
  sum.run.Add(one.run);
}

}  // namespace

void CoordinatorMetrics::Publish(const Snapshot& snapshot) {
  const auto total = [this](const char* name, uint64_t value) {
    totals_.at(name).AdvanceTo(static_cast<double>(value));
  };
  const auto gauge = [this](const char* name, uint64_t value) {
    gauges_.at(name).Set(static_cast<double>(value));
  };
  total("bytes_in", snapshot.socket.bytes_received);
  total("bytes_out", snapshot.socket.bytes_sent);
  total("send_blocked", snapshot.socket.send_blocked);
  total("unroutable", snapshot.socket.unroutable);
  total("handshakes_auth", snapshot.socket.handshakes_failed.auth);
  total("handshakes_protocol", snapshot.socket.handshakes_failed.protocol);
  total("handshakes_other", snapshot.socket.handshakes_failed.other);
  malformed_.at("parts").AdvanceTo(
      static_cast<double>(snapshot.socket.malformed));
  // Seconds are rounded: the same time may come out lower by a hair.
  Counter& busy = totals_.at("busy");
  busy.AdvanceTo(std::max(busy.value(), Seconds(snapshot.loop.busy)));
  gauge("connections", snapshot.socket.connections);
  gauge("term", snapshot.term.value);
  gauge("leader", 1);
  gauge("outbox", snapshot.outbox_bytes);
  gauge("staged", snapshot.staged_bytes);
  gauge("watches", snapshot.watches);
  gauge("jobs", snapshot.core.jobs_live);
  gauge("grants_live", snapshot.core.grants_live);
  total("grants", snapshot.core.grants);
  for (size_t state = 0; state < jobs_finished_.size(); ++state) {
    if (!IsTerminal(static_cast<JobState>(state))) continue;
    jobs_finished_[state].AdvanceTo(
        static_cast<double>(snapshot.core.jobs_finished[state]));
  }
  PublishClasses(snapshot.core);
  PublishQueue(snapshot.core, snapshot.now);
  PublishSessions(snapshot.core);
  CheckConservation(snapshot.core);
}

void CoordinatorMetrics::PublishClasses(const CoreCounters& core) {
  // Those that share a label are shown as one.
  std::map<std::pair<std::string, ExecutorKind>, ClassCounters> classes;
  std::map<std::string, ClassCounters> types;
  for (const ClassCounters& one : core.classes) {
    const std::string label = TypeLabel(one.type);
    Add(one, classes[{label, one.executor}]);
    Add(one, types[label]);
  }
  for (const auto& [key, sum] : classes) {
    Class& numbers = ClassOf(key.first, key.second);
    // What was thought to have begun and came back unused is taken off again.
    numbers.started.AdvanceTo(std::max(
        numbers.started.value(), static_cast<double>(sum.attempts_started)));
    numbers.handed_back.AdvanceTo(
        static_cast<double>(sum.attempts_handed_back));
    numbers.granted.AdvanceTo(static_cast<double>(sum.tasks_granted));
    for (size_t ending = 0; ending < kEndings; ++ending) {
      numbers.finished[ending].AdvanceTo(
          static_cast<double>(sum.attempts_finished[ending]));
    }
    numbers.run.Set(sum.run);
  }
  for (const auto& [label, sum] : types) {
    Type& numbers = TypeOf(label);
    for (size_t state = 0; state < kTaskStates; ++state) {
      if (!IsTerminal(static_cast<TaskState>(state))) continue;
      numbers.tasks[state].AdvanceTo(
          static_cast<double>(sum.tasks_finished[state]));
    }
    for (auto& [ending, counter] : numbers.retries) {
      counter.AdvanceTo(static_cast<double>(sum.retries[ending]));
    }
    numbers.retries_lost.AdvanceTo(static_cast<double>(sum.retries_lost));
    numbers.quarantined.AdvanceTo(static_cast<double>(sum.quarantined));
  }
}

void CoordinatorMetrics::PublishQueue(const CoreCounters& core, WallTime now) {
  uint64_t waiting = 0;
  uint64_t granted = 0;
  uint64_t begun = 0;
  for (const ClassCounters& one : core.classes) {
    waiting += one.pending;
    granted += one.running;
    begun += one.begun;
  }
  const QueueCounters& queue = core.queue;
  gauges_.at("pending").Set(static_cast<double>(waiting - queue.delayed));
  gauges_.at("delayed").Set(static_cast<double>(queue.delayed));
  gauges_.at("leased").Set(static_cast<double>(granted - begun));
  gauges_.at("running").Set(static_cast<double>(begun));
  const bool waits = queue.oldest_pending.has_value();
  gauges_.at("oldest").Set(
      waits ? Seconds(queue.oldest_pending->time_since_epoch()) : 0);
  gauges_.at("oldest_age")
      .Set(waits ? std::max(0.0, Seconds(now - *queue.oldest_pending)) : 0);
  wait_seconds_.Set(queue.wait);
  total_seconds_.Set(queue.total);
}

// Every task taken on has ended, or waits, or runs.
void CoordinatorMetrics::CheckConservation(const CoreCounters& core) {
  uint64_t imbalance = 0;
  for (const ClassCounters& one : core.classes) {
    uint64_t known = one.pending + one.running;
    for (const uint64_t ended : one.tasks_finished) known += ended;
    imbalance += known > one.tasks_taken ? known - one.tasks_taken
                                         : one.tasks_taken - known;
  }
  if (imbalance > imbalance_) {
    violations_.at("conservation").Add();
    Log(LogLevel::kError, "tasks_miscounted",
        "The tasks that ended, wait or run are not those that were accepted.",
        {{"difference", imbalance}});
  }
  imbalance_ = imbalance;
}

}  // namespace remuda

#include "agent/agent_metrics.h"

#include <algorithm>

#include "jobs/outcome.h"
#include "wire/codec.h"

namespace remuda {
namespace {

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

template <typename Number>
double Real(Number number) {
  return static_cast<double>(number);
}

}  // namespace

AgentMetrics::AgentMetrics(const std::string& version)
    : metrics_("agent", version, kSeriesMax) {
  AddExecutors();
  AddTransport();
  connected_ = metrics_.AddGauge("remuda_agent_connected",
                                 "1 while registered with a coordinator.");
  draining_ = metrics_.AddGauge("remuda_agent_draining",
                                "1 while no new work is taken.");
  lease_margin_ = metrics_.AddGauge(
      "remuda_agent_lease_margin_seconds",
      "Time left until attempts are stopped for want of a lease.");
  clock_offset_ = metrics_.AddGauge(
      "remuda_agent_clock_offset_seconds",
      "How far this machine's clock is ahead of the coordinator's.");
  held_ = metrics_.AddGauge("remuda_agent_held_tasks",
                            "Granted tasks whose end is not confirmed.");
  spool_results_ = metrics_.AddGauge("remuda_agent_spool_results",
                                     "Messages that wait for their ack.");
  spool_kept_ = metrics_.AddGauge(
      "remuda_agent_spool_kept_results",
      "Messages that wait for their ack and are safe on disk.");
  spool_bytes_ = metrics_.AddGauge("remuda_agent_spool_bytes",
                                   "Bytes that wait for their ack.");
  self_fences_ = metrics_.AddCounter(
      "remuda_agent_self_fences_total",
      "Times that a lease was not renewed and work was stopped for it.");
  fenced_attempts_ = metrics_.AddCounter(
      "remuda_agent_fenced_attempts_total",
      "Attempts stopped because they were no longer this agent's.");
  orphans_killed_ = metrics_.AddCounter(
      "remuda_agent_orphans_killed_total",
      "Processes that attempts left behind and that were killed.");
  grants_ = metrics_.AddCounter("remuda_agent_grants_total",
                                "Grants taken from the coordinator.");
  granted_tasks_ = metrics_.AddCounter("remuda_agent_granted_tasks_total",
                                       "Tasks in those grants.");
  duplicate_tasks_ = metrics_.AddCounter(
      "remuda_agent_duplicate_tasks_total",
      "Tasks granted again although they were held, and ignored.");
  const char* const reasons[] = {"connected", "session_unknown", "busy",
                                 "silent", "grant_lost"};
  for (size_t i = 0; i < reconnects_.size(); ++i) {
    reconnects_[i] = metrics_.AddCounter("remuda_agent_reconnects_total",
                                         "Sessions asked for, by reason.",
                                         {{"reason", reasons[i]}});
  }
  for (size_t i = 0; i < findings_.size(); ++i) {
    findings_[i] = metrics_.AddCounter(
        "remuda_agent_findings_total",
        "What executors noticed of the code of jobs, by code.",
        {{"code", LabelValue(kFindingCodes[i])}});
  }
  round_trip_ =
      metrics_.AddHistogram("remuda_agent_heartbeat_rtt_seconds",
                            "From sending a heartbeat to its confirmation.",
                            {0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
                             0.05, 0.1, 0.2, 0.5, 1, 2, 5});
  loop_lag_ = metrics_.AddHistogram(
      "remuda_event_loop_lag_seconds",
      "Duration of a turn of the loop, which anything else waits for.",
      {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5},
      {{"loop", "agent"}});
  loop_busy_ =
      metrics_.AddCounter("remuda_event_loop_busy_seconds_total",
                          "Time in turns of the loop.", {{"loop", "agent"}});
}

void AgentMetrics::AddTransport() {
  const Metrics::Labels socket = {{"socket", "coordinator"}};
  const auto labels = [&socket](const char* name, const std::string& value) {
    Metrics::Labels more = socket;
    more[name] = value;
    return more;
  };
  // docs/WIRE.md: below 32 are an agent's, then up to 64 the coordinator's.
  for (uint8_t type = 0; type < 64; ++type) {
    const std::string name(FrameTypeName(type));
    if (name == "unknown") continue;
    frames_[type] = metrics_.AddCounter(
        "remuda_transport_messages_total", "Messages over sockets.",
        {{"socket", "coordinator"},
         {"direction", type < 32 ? "out" : "in"},
         {"type", LabelValue(name)}});
  }
  bytes_in_ =
      metrics_.AddCounter("remuda_transport_bytes_total", "Bytes over sockets.",
                          labels("direction", "in"));
  bytes_out_ =
      metrics_.AddCounter("remuda_transport_bytes_total", "Bytes over sockets.",
                          labels("direction", "out"));
  send_blocked_ = metrics_.AddCounter(
      "remuda_transport_send_blocked_total",
      "Messages that had to wait for the other end.", socket);
  const char* const failures[] = {"auth", "protocol", "other"};
  for (size_t i = 0; i < handshakes_failed_.size(); ++i) {
    handshakes_failed_[i] = metrics_.AddCounter(
        "remuda_transport_handshake_failures_total",
        "Connections that came to nothing.", labels("reason", failures[i]));
  }
  malformed_ = metrics_.AddCounter("remuda_transport_malformed_total",
                                   "Frames that were not understood.",
                                   labels("reason", "malformed"));
  malformed_parts_ = metrics_.AddCounter("remuda_transport_malformed_total",
                                         "Frames that were not understood.",
                                         labels("reason", "parts"));
}

void AgentMetrics::AddWorkers(OfExecutor& of, const Metrics::Labels& labels) {
  const char* const states[] = {"starting", "idle", "busy", "draining"};
  for (size_t i = 0; i < of.workers.size(); ++i) {
    Metrics::Labels with_state = labels;
    with_state["state"] = states[i];
    of.workers[i] = metrics_.AddGauge(
        "remuda_executor_workers", "Processes that host handlers.", with_state);
  }
  const char* const reasons[] = {"recycled", "error", "signal", "oom",
                                 "timeout"};
  for (size_t i = 0; i < of.worker_exits.size(); ++i) {
    Metrics::Labels with_reason = labels;
    with_reason["reason"] = reasons[i];
    of.worker_exits[i] = metrics_.AddCounter(
        "remuda_executor_worker_exits_total",
        "Ends of processes that host handlers.", with_reason);
  }
}

void AgentMetrics::AddExecutors() {
  for (size_t place = 0; place < executors_.size(); ++place) {
    OfExecutor& of = executors_[place];
    const Metrics::Labels labels = {
        {"executor", LabelValue(Name(static_cast<ExecutorKind>(place)))}};
    of.slots = metrics_.AddGauge("remuda_executor_slots",
                                 "Attempts that may run at once.", labels);
    of.in_use = metrics_.AddGauge("remuda_executor_slots_in_use",
                                  "Attempts given to the executor.", labels);
    of.queue = metrics_.AddGauge("remuda_executor_queue_tasks",
                                 "Granted tasks that wait to start.", labels);
    of.credit =
        metrics_.AddGauge("remuda_executor_credit_tasks",
                          "Tasks that the agent is willing to hold.", labels);
    of.busy = metrics_.AddCounter("remuda_executor_busy_seconds_total",
                                  "Wall time of attempts that ended.", labels);
    of.started = metrics_.AddCounter("remuda_executor_attempts_started_total",
                                     "Attempts given to the executor.", labels);
    of.not_started = metrics_.AddCounter(
        "remuda_executor_tasks_returned_total",
        "Granted tasks that never started: handed back or cancelled.", labels);
    of.start_delay = metrics_.AddBuckets(
        "remuda_executor_start_delay_seconds",
        "From a grant's receipt to giving its task to the executor.",
        AgentCounters::OfExecutor().start_delay, labels);
    AddWorkers(of, labels);
    for (size_t ending = 0; ending < of.finished.size(); ++ending) {
      Metrics::Labels with_outcome = labels;
      with_outcome["outcome"] = LabelValue(Name(static_cast<Ending>(ending)));
      of.finished[ending] = metrics_.AddCounter(
          "remuda_executor_attempts_finished_total",
          "Attempts that ended, as recorded.", with_outcome);
    }
  }
}

void AgentMetrics::OnOutput(const AgentOutput& output) {
  if (output.heartbeat_round_trip.has_value()) {
    round_trip_.Observe(Seconds(*output.heartbeat_round_trip));
  }
  if (output.clock_offset.has_value()) {
    clock_offset_.Set(Seconds(*output.clock_offset));
  }
}

void AgentMetrics::OnTurn(Duration duration) {
  loop_lag_.Observe(Seconds(duration));
}

void AgentMetrics::UpdateExecutors(const Snapshot& snapshot) {
  uint64_t orphans = 0;
  for (size_t place = 0; place < executors_.size(); ++place) {
    OfExecutor& of = executors_[place];
    const AgentGauges::OfExecutor& now = snapshot.gauges.executors[place];
    const AgentCounters::OfExecutor& counted = snapshot.core.executors[place];
    // An executor may hold more short tasks than it has slots.
    const uint64_t in_use = std::min(now.running, now.slots);
    of.slots.Set(Real(now.slots));
    of.in_use.Set(Real(in_use));
    of.queue.Set(Real(now.waiting + now.running - in_use));
    of.credit.Set(Real(now.credit));
    of.busy.AdvanceTo(Seconds(counted.busy));
    of.started.AdvanceTo(Real(counted.started));
    of.not_started.AdvanceTo(Real(counted.not_started));
    of.start_delay.Set(counted.start_delay);
    for (size_t ending = 0; ending < of.finished.size(); ++ending) {
      of.finished[ending].AdvanceTo(Real(counted.ended[ending]));
    }
    const WorkerNumbers& workers = snapshot.workers[place];
    const uint64_t states[] = {workers.starting, workers.idle, workers.busy,
                               workers.draining};
    for (size_t i = 0; i < of.workers.size(); ++i) {
      of.workers[i].Set(Real(states[i]));
    }
    const uint64_t exits[] = {workers.exits_recycled, workers.exits_error,
                              workers.exits_signal, workers.exits_oom,
                              workers.exits_timeout};
    for (size_t i = 0; i < of.worker_exits.size(); ++i) {
      of.worker_exits[i].AdvanceTo(Real(exits[i]));
    }
    orphans += workers.orphans_killed;
  }
  orphans_killed_.AdvanceTo(Real(orphans));
}

void AgentMetrics::Update(const Snapshot& snapshot) {
  const AgentCounters& core = snapshot.core;
  const AgentGauges& gauges = snapshot.gauges;
  UpdateExecutors(snapshot);
  connected_.Set(gauges.registered ? 1 : 0);
  draining_.Set(gauges.draining ? 1 : 0);
  lease_margin_.Set(Seconds(gauges.lease_margin));
  held_.Set(Real(gauges.held));
  spool_results_.Set(Real(snapshot.spool_entries));
  spool_kept_.Set(Real(snapshot.spool_kept));
  spool_bytes_.Set(Real(snapshot.spool_bytes));
  self_fences_.AdvanceTo(Real(core.self_fences));
  fenced_attempts_.AdvanceTo(Real(core.fenced_attempts));
  grants_.AdvanceTo(Real(core.grants));
  granted_tasks_.AdvanceTo(Real(core.granted_tasks));
  duplicate_tasks_.AdvanceTo(Real(core.duplicate_tasks));
  const uint64_t reconnects[] = {core.hello_connected, core.hello_refused,
                                 core.hello_busy, core.hello_silent,
                                 core.hello_grant_lost};
  for (size_t i = 0; i < reconnects_.size(); ++i) {
    reconnects_[i].AdvanceTo(Real(reconnects[i]));
  }
  for (size_t i = 0; i < findings_.size(); ++i) {
    findings_[i].AdvanceTo(Real(core.findings[i]));
  }
  for (auto& [type, counter] : frames_) {
    counter.AdvanceTo(Real(snapshot.frames.of_type[type]));
  }
  bytes_in_.AdvanceTo(Real(snapshot.socket.bytes_received));
  bytes_out_.AdvanceTo(Real(snapshot.socket.bytes_sent));
  send_blocked_.AdvanceTo(Real(snapshot.socket.send_blocked));
  const HandshakeFailures& failed = snapshot.socket.handshakes_failed;
  const uint64_t failures[] = {failed.auth, failed.protocol, failed.other};
  for (size_t i = 0; i < handshakes_failed_.size(); ++i) {
    handshakes_failed_[i].AdvanceTo(Real(failures[i]));
  }
  malformed_.AdvanceTo(Real(snapshot.frames.malformed));
  malformed_parts_.AdvanceTo(Real(snapshot.socket.malformed));
  loop_busy_.AdvanceTo(Seconds(snapshot.loop.busy));
}

}  // namespace remuda

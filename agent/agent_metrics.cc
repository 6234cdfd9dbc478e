#include "agent/agent_metrics.h"

#include "jobs/outcome.h"

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
    : metrics_("agent", version) {
  AddExecutors();
  connected_ = metrics_.AddGauge("remuda_agent_connected",
                                 "1 while registered with a coordinator.");
  draining_ = metrics_.AddGauge("remuda_agent_draining",
                                "1 while no new work is taken.");
  lease_margin_ = metrics_.AddGauge(
      "remuda_agent_lease_margin_seconds",
      "Time left until attempts are stopped for want of a lease.");
  held_ = metrics_.AddGauge("remuda_agent_held_tasks",
                            "Granted tasks whose end is not confirmed.");
  spool_results_ = metrics_.AddGauge("remuda_agent_spool_results",
                                     "Messages that wait for their ack.");
  spool_bytes_ = metrics_.AddGauge("remuda_agent_spool_bytes",
                                   "Bytes that wait for their ack.");
  self_fences_ = metrics_.AddCounter(
      "remuda_agent_self_fences_total",
      "Times that a lease was not renewed and work was stopped for it.");
  fenced_attempts_ = metrics_.AddCounter(
      "remuda_agent_fenced_attempts_total",
      "Attempts stopped because they were no longer this agent's.");
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
  AddTransport();
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
  const auto transport = [this](const char* name, const char* help,
                                const char* direction) {
    return metrics_.AddCounter(
        name, help, {{"socket", "coordinator"}, {"direction", direction}});
  };
  frames_in_ = transport("remuda_transport_messages_total",
                         "Messages over sockets.", "in");
  frames_out_ = transport("remuda_transport_messages_total",
                          "Messages over sockets.", "out");
  bytes_in_ =
      transport("remuda_transport_bytes_total", "Bytes over sockets.", "in");
  bytes_out_ =
      transport("remuda_transport_bytes_total", "Bytes over sockets.", "out");
  send_blocked_ =
      metrics_.AddCounter("remuda_transport_send_blocked_total",
                          "Messages that had to wait for the other end.",
                          {{"socket", "coordinator"}});
  const char* const failures[] = {"auth", "protocol", "other"};
  for (size_t i = 0; i < handshakes_failed_.size(); ++i) {
    handshakes_failed_[i] = metrics_.AddCounter(
        "remuda_transport_handshake_failures_total",
        "Connections that came to nothing.",
        {{"socket", "coordinator"}, {"reason", failures[i]}});
  }
  malformed_ = metrics_.AddCounter("remuda_transport_malformed_total",
                                   "Frames that were not understood.",
                                   {{"socket", "coordinator"}});
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
    of.start_delay = metrics_.AddHistogram(
        "remuda_executor_start_delay_seconds",
        "From a grant to the start, of the oldest task in each batch started.",
        Metrics::SecondsBounds(), labels);
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
  for (const StartAttempts& batch : output.starts) {
    executors_[static_cast<size_t>(batch.executor)].start_delay.Observe(
        Seconds(batch.waited));
  }
  if (output.heartbeat_round_trip.has_value()) {
    round_trip_.Observe(Seconds(*output.heartbeat_round_trip));
  }
}

void AgentMetrics::OnTurn(Duration duration) {
  loop_lag_.Observe(Seconds(duration));
}

void AgentMetrics::Update(const Snapshot& snapshot) {
  const AgentCounters& core = snapshot.core;
  const AgentGauges& gauges = snapshot.gauges;
  for (size_t place = 0; place < executors_.size(); ++place) {
    OfExecutor& of = executors_[place];
    of.slots.Set(Real(gauges.executors[place].slots));
    of.in_use.Set(Real(gauges.executors[place].running));
    of.queue.Set(Real(gauges.executors[place].waiting));
    of.credit.Set(Real(gauges.executors[place].credit));
    of.busy.AdvanceTo(Seconds(core.executors[place].busy));
    of.started.AdvanceTo(Real(core.executors[place].started));
    of.not_started.AdvanceTo(Real(core.executors[place].not_started));
    for (size_t ending = 0; ending < of.finished.size(); ++ending) {
      of.finished[ending].AdvanceTo(Real(core.executors[place].ended[ending]));
    }
  }
  connected_.Set(gauges.registered ? 1 : 0);
  draining_.Set(gauges.draining ? 1 : 0);
  lease_margin_.Set(Seconds(gauges.lease_margin));
  held_.Set(Real(gauges.held));
  spool_results_.Set(Real(snapshot.spool_entries));
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
  frames_in_.AdvanceTo(Real(snapshot.socket.frames_received));
  frames_out_.AdvanceTo(Real(snapshot.socket.frames_sent));
  bytes_in_.AdvanceTo(Real(snapshot.socket.bytes_received));
  bytes_out_.AdvanceTo(Real(snapshot.socket.bytes_sent));
  send_blocked_.AdvanceTo(Real(snapshot.socket.send_blocked));
  const HandshakeFailures& failed = snapshot.socket.handshakes_failed;
  const uint64_t failures[] = {failed.auth, failed.protocol, failed.other};
  for (size_t i = 0; i < handshakes_failed_.size(); ++i) {
    handshakes_failed_[i].AdvanceTo(Real(failures[i]));
  }
  malformed_.AdvanceTo(Real(snapshot.socket.malformed));
  loop_busy_.AdvanceTo(Seconds(snapshot.loop.busy));
}

}  // namespace remuda

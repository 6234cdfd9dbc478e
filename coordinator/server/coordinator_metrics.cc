#include "coordinator/server/coordinator_metrics.h"

#include <algorithm>

#include "jobs/job_type.h"
#include "jobs/outcome.h"
#include "wire/codec.h"

namespace remuda {
namespace {

// 0.5 ms to 10 s, 0.1 ms to 5 s, 1 to 4096.
const std::vector<double> kCommitBounds = {
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10};
const std::vector<double> kTurnBounds = {0.0001, 0.0002, 0.0005, 0.001, 0.002,
                                         0.005,  0.01,   0.02,   0.05,  0.1,
                                         0.5,    1,      5};
const std::vector<double> kBatchBounds = {1,   2,   4,   8,    16,   32,  64,
                                          128, 256, 512, 1024, 2048, 4096};

constexpr char kSocket[] = "router";

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string Label(std::string_view text) { return LabelValue(text); }

constexpr const char* kStaleNames[kStaleReasons] = {
    "no_session",  "old_sequence", "gap",      "job_gone",
    "not_running", "other_holder", "malformed"};
constexpr const char* kAgentMessageNames[kAgentMessageKinds] = {
    "hello", "heartbeat", "results", "log_chunk", "goodbye", "findings"};

constexpr char kOther[] = "other";

// Null for an ending that no further try follows.
const char* RetryReason(Ending ending) {
  switch (ending) {
    case Ending::kError:
      return "error";
    case Ending::kTimeout:
      return "timeout";
    case Ending::kCrash:
      return "crash";
    case Ending::kOom:
      return "oom";
    case Ending::kEvicted:
      return "evicted";
    case Ending::kSucceeded:
    case Ending::kCancelled:
      return nullptr;
  }
  return nullptr;
}

const char* StoreErrorKind(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return "full";
  if (absl::IsDataLoss(status)) return "corrupt";
  if (absl::IsFailedPrecondition(status)) return "refused";
  return "io";
}

}  // namespace

CoordinatorMetrics::CoordinatorMetrics(const std::string& version)
    : metrics_("coordinator", version) {
  AddTransport();
  AddStore();
  AddWork();
  AddQueue();
  AddLoops();
  AddSessions();
  AddGauges();
}

void CoordinatorMetrics::AddTransport() {
  for (uint8_t type = 0; type < kFrameTypes; ++type) {
    const std::string name(FrameTypeName(type));
    if (name == "unknown") continue;
    // docs/WIRE.md: each half of the types goes one way.
    const bool in = type < 32 || (type >= 64 && type < 96);
    frames_[type] = metrics_.AddCounter("remuda_transport_messages_total",
                                        "Messages read and handed over.",
                                        {{"direction", in ? "in" : "out"},
                                         {"type", Label(name)},
                                         {"socket", kSocket}});
  }
  for (const char* reason : {"malformed", "version", "parts"}) {
    malformed_[reason] = metrics_.AddCounter(
        "remuda_transport_malformed_total", "Frames that could not be read.",
        {{"socket", kSocket}, {"reason", reason}});
  }
  for (const char* direction : {"in", "out"}) {
    totals_[std::string("bytes_") + direction] = metrics_.AddCounter(
        "remuda_transport_bytes_total", "Bytes of messages.",
        {{"socket", kSocket}, {"direction", direction}});
  }
  totals_["send_blocked"] = metrics_.AddCounter(
      "remuda_transport_send_blocked_total",
      "Messages that had to wait, as the peer did not read.",
      {{"socket", kSocket}});
  totals_["unroutable"] = metrics_.AddCounter(
      "remuda_transport_unroutable_total", "Messages to peers that were gone.",
      {{"socket", kSocket}});
  for (const char* reason : {"auth", "protocol", "other"}) {
    totals_[std::string("handshakes_") + reason] = metrics_.AddCounter(
        "remuda_transport_handshake_failures_total",
        "Connections that came to nothing, two of them for each probe of "
        "one's own door.",
        {{"socket", kSocket}, {"reason", reason}});
  }
  gauges_["connections"] =
      metrics_.AddGauge("remuda_transport_connections", "Open connections.",
                        {{"socket", kSocket}});
}

void CoordinatorMetrics::AddStore() {
  const Metrics::Labels backend = {{"backend", "sqlite"}};
  rows_ = metrics_.AddCounter("remuda_store_rows_total",
                              "Rows written to the store.", backend);
  for (const char* kind : {"full", "corrupt", "refused", "io"}) {
    store_errors_[kind] =
        metrics_.AddCounter("remuda_store_errors_total",
                            "Errors of the store; each ends the process.",
                            {{"backend", "sqlite"}, {"kind", kind}});
  }
  commit_seconds_ = metrics_.AddHistogram(
      "remuda_store_commit_duration_seconds", "How long a transaction took.",
      kCommitBounds, backend);
  commit_operations_ =
      metrics_.AddHistogram("remuda_store_commit_operations",
                            "Rows of a transaction.", kBatchBounds, backend);
  checkpoint_seconds_ = metrics_.AddHistogram(
      "remuda_store_checkpoint_duration_seconds",
      "How long it took to move the write-ahead log into the database.",
      kCommitBounds);
  for (const char* part : {"db", "wal", "free"}) {
    gauges_[part] = metrics_.AddGauge(
        "remuda_store_size_bytes",
        "Size of the database and its log, and what is free on their disk.",
        {{"backend", "sqlite"}, {"part", part}});
  }
  gauges_["recovery"] =
      metrics_.AddGauge("remuda_recovery_duration_seconds",
                        "How long the last start took to load the state.");
  for (const char* invariant : {"conservation", "store"}) {
    violations_[invariant] = metrics_.AddCounter(
        "remuda_invariant_violations_total",
        "Times that something was found which must never be.",
        {{"invariant", invariant}});
  }
}

void CoordinatorMetrics::AddWork() {
  for (const char* result :
       {"accepted", "duplicate", "conflict", "busy", "invalid", "error"}) {
    totals_[std::string("submissions_") + result] = metrics_.AddCounter(
        "remuda_submissions_total", "Submissions by their answer.",
        {{"result", result}});
  }
  for (const char* result :
       {"before_start", "while_running", "too_late", "unknown"}) {
    totals_[std::string("cancels_") + result] =
        metrics_.AddCounter("remuda_cancels_total", "Cancels by their answer.",
                            {{"result", result}});
  }
  totals_["grants"] = metrics_.AddCounter("remuda_grants_total",
                                          "Ranges of tasks given to agents.");
  totals_["label_overflow_job_type"] = metrics_.AddCounter(
      "remuda_metrics_label_overflow_total",
      "Values of a label that were too many and count as \"other\".",
      {{"label", "job_type"}});
  for (const JobType& type : ShippedJobTypes()) {
    const std::string label = TypeLabel(type.name);
    for (const ExecutorKind executor : type.executors) {
      ClassOf(label, executor);
    }
    TypeOf(label);
  }
  for (size_t state = 0; state < jobs_finished_.size(); ++state) {
    const auto job_state = static_cast<JobState>(state);
    if (!IsTerminal(job_state)) continue;
    jobs_finished_[state] =
        metrics_.AddCounter("remuda_jobs_finished_total", "Jobs that ended.",
                            {{"state", Label(Name(job_state))}});
  }
  submit_seconds_ = metrics_.AddHistogram(
      "remuda_submit_duration_seconds",
      "From the receipt of a submission to its durable answer.", kCommitBounds);
}

void CoordinatorMetrics::AddQueue() {
  const QueueCounters empty;
  const Metrics::Labels queue = {{"queue", empty.name}};
  for (const char* state : {"pending", "delayed", "leased", "running"}) {
    gauges_[state] =
        metrics_.AddGauge("remuda_queue_tasks", "Tasks of live jobs.",
                          {{"queue", empty.name}, {"state", state}});
  }
  gauges_["oldest"] = metrics_.AddGauge(
      "remuda_queue_oldest_pending_timestamp_seconds",
      "Since when the oldest task waits that might be granted; 0 if none.",
      queue);
  gauges_["oldest_age"] = metrics_.AddGauge(
      "remuda_queue_oldest_pending_age_seconds",
      "For how long the oldest task waits that might be granted.", queue);
  wait_seconds_ = metrics_.AddBuckets(
      "remuda_task_wait_duration_seconds",
      "From when a task might be granted to its grant.", empty.wait, queue);
  total_seconds_ = metrics_.AddBuckets(
      "remuda_task_total_duration_seconds",
      "From a task's acceptance to its final state.", empty.total, queue);
}

void CoordinatorMetrics::AddLoops() {
  dispatch_seconds_ = metrics_.AddHistogram(
      "remuda_dispatch_duration_seconds", "One turn of the core.", kTurnBounds);
  const char* const lag_name = "remuda_event_loop_lag_seconds";
  const char* const lag_help = "How long something else had to wait.";
  turn_seconds_ = metrics_.AddHistogram(lag_name, lag_help, kTurnBounds,
                                        {{"loop", "control"}});
  store_lag_seconds_ = metrics_.AddHistogram(lag_name, lag_help, kTurnBounds,
                                             {{"loop", "store"}});
  const char* const busy_name = "remuda_event_loop_busy_seconds_total";
  const char* const busy_help = "Time at work, without the waiting.";
  totals_["busy"] =
      metrics_.AddCounter(busy_name, busy_help, {{"loop", "control"}});
  store_busy_ = metrics_.AddCounter(busy_name, busy_help, {{"loop", "store"}});
}

void CoordinatorMetrics::AddSessions() {
  for (const char* event : {"registered", "resumed", "expired", "closed",
                            "refused", "reset", "unreachable"}) {
    totals_[std::string("sessions_") + event] = metrics_.AddCounter(
        "remuda_agent_sessions_total", "What happened to sessions of agents.",
        {{"event", event}});
  }
  totals_["leases"] =
      metrics_.AddCounter("remuda_lease_expirations_total", "Agents given up.",
                          {{"reason", "silent"}});
  for (size_t kind = 0; kind < kAgentMessageKinds; ++kind) {
    for (size_t reason = 0; reason < kStaleReasons; ++reason) {
      stale_[kind][reason] = metrics_.AddCounter(
          "remuda_stale_messages_total",
          "Messages, or parts of them, that changed nothing.",
          {{"type", kAgentMessageNames[kind]},
           {"reason", kStaleNames[reason]}});
    }
  }
  totals_["duplicates"] =
      metrics_.AddCounter("remuda_duplicate_messages_total",
                          "Messages seen before.", {{"type", "results"}});
}

void CoordinatorMetrics::AddGauges() {
  for (size_t state = 0; state < agents_.size(); ++state) {
    agents_[state] = metrics_.AddGauge(
        "remuda_agents", "Agents known.",
        {{"state", Label(Name(static_cast<AgentState>(state)))}});
  }
  for (size_t kind = 0; kind < credit_.size(); ++kind) {
    credit_[kind] = metrics_.AddGauge(
        "remuda_credit_tasks", "Tasks that agents would still take.",
        {{"executor", Label(Name(static_cast<ExecutorKind>(kind)))}});
  }
  gauges_["jobs"] = metrics_.AddGauge("remuda_jobs_live", "Jobs not ended.");
  gauges_["grants_live"] = metrics_.AddGauge(
      "remuda_grants_live", "Ranges of which something may run.");
  gauges_["term"] = metrics_.AddGauge("remuda_term", "Rises at each start.");
  gauges_["leader"] =
      metrics_.AddGauge("remuda_leader", "1 if this coordinator decides.");
  gauges_["outbox"] = metrics_.AddGauge(
      "remuda_outbox_bytes", "Bytes waiting for peers that do not read.");
  gauges_["staged"] = metrics_.AddGauge(
      "remuda_staged_bytes", "Items uploaded for submissions to come.");
  gauges_["watches"] = metrics_.AddGauge("remuda_watches", "Watches open.");
}

// The label of a job type: its name, as long as there are few of them.
std::string CoordinatorMetrics::TypeLabel(const std::string& type) {
  const auto known = type_labels_.find(type);
  if (known != type_labels_.end()) return known->second;
  const bool fits = type_labels_.size() < kJobTypesMax;
  if (!fits) totals_.at("label_overflow_job_type").Add();
  return type_labels_[type] = fits ? Label(type) : kOther;
}

CoordinatorMetrics::Class& CoordinatorMetrics::ClassOf(const std::string& label,
                                                       ExecutorKind executor) {
  const auto [found, fresh] = classes_.try_emplace({label, executor});
  Class& numbers = found->second;
  if (!fresh) return numbers;
  const Metrics::Labels labels = {{"job_type", label},
                                  {"executor", Label(Name(executor))}};
  numbers.started = metrics_.AddCounter("remuda_attempts_started_total",
                                        "Attempts that began.", labels);
  numbers.handed_back = metrics_.AddCounter(
      "remuda_attempts_handed_back_total", "Grants given back unused.", labels);
  numbers.granted = metrics_.AddCounter("remuda_tasks_granted_total",
                                        "Tasks given to agents.", labels);
  for (size_t ending = 0; ending < kEndings; ++ending) {
    Metrics::Labels with_outcome = labels;
    with_outcome["outcome"] = Label(Name(static_cast<Ending>(ending)));
    numbers.finished[ending] = metrics_.AddCounter(
        "remuda_attempts_finished_total", "Attempts that ended.", with_outcome);
  }
  numbers.run =
      metrics_.AddBuckets("remuda_task_run_duration_seconds",
                          "What attempts took.", ClassCounters().run, labels);
  return numbers;
}

CoordinatorMetrics::Type& CoordinatorMetrics::TypeOf(const std::string& label) {
  const auto [found, fresh] = types_.try_emplace(label);
  Type& numbers = found->second;
  if (!fresh) return numbers;
  for (size_t state = 0; state < kTaskStates; ++state) {
    const auto task_state = static_cast<TaskState>(state);
    if (!IsTerminal(task_state)) continue;
    numbers.tasks[state] = metrics_.AddCounter(
        "remuda_tasks_finished_total", "Tasks that reached a final state.",
        {{"job_type", label}, {"outcome", Label(Name(task_state))}});
  }
  const auto retries = [&](const char* reason) {
    return metrics_.AddCounter("remuda_task_retries_total",
                               "Tries that will be followed by another.",
                               {{"job_type", label}, {"reason", reason}});
  };
  for (size_t ending = 0; ending < kEndings; ++ending) {
    const char* reason = RetryReason(static_cast<Ending>(ending));
    if (reason != nullptr) numbers.retries[ending] = retries(reason);
  }
  numbers.retries_lost = retries("agent_lost");
  numbers.quarantined = metrics_.AddCounter(
      "remuda_tasks_quarantined_total", "Tasks given up after too many losses.",
      {{"job_type", label}});
  return numbers;
}

void CoordinatorMetrics::OnFrameIn(std::string_view frame) {
  const absl::StatusOr<FrameHeader> header = DecodeHeader(frame);
  if (!header.ok() || header->type >= kFrameTypes) return;
  if (FrameTypeName(header->type) == "unknown") return;
  frames_[header->type].Add();
}

void CoordinatorMetrics::OnFrameOut(std::string_view frame) {
  OnFrameIn(frame);
}

void CoordinatorMetrics::OnMalformed(std::string_view reason) {
  const auto found = malformed_.find(reason);
  if (found != malformed_.end()) found->second.Add();
}

void CoordinatorMetrics::OnSubmissionRefused(const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    ++refused_busy_;
  } else if (absl::IsInternal(status) || absl::IsDataLoss(status)) {
    totals_.at("submissions_error").Add();
  } else {
    ++refused_invalid_;
  }
}

void CoordinatorMetrics::OnSubmitted(Duration from_receipt_to_durable_answer) {
  submit_seconds_.Observe(Seconds(from_receipt_to_durable_answer));
}

void CoordinatorMetrics::OnDispatch(Duration duration) {
  dispatch_seconds_.Observe(Seconds(duration));
}

void CoordinatorMetrics::OnTurn(Duration duration) {
  turn_seconds_.Observe(Seconds(duration));
}

void CoordinatorMetrics::OnRecovered(Duration duration) {
  gauges_.at("recovery").Set(Seconds(duration));
}

void CoordinatorMetrics::OnCommit(const CommitFacts& facts, Duration duration,
                                  Duration waited) {
  store_busy_.Add(Seconds(duration));
  store_lag_seconds_.Observe(Seconds(waited));
  if (facts.rows == 0) return;
  rows_.Add(static_cast<double>(facts.rows));
  commit_seconds_.Observe(Seconds(duration));
  commit_operations_.Observe(static_cast<double>(facts.rows));
}

void CoordinatorMetrics::OnCheckpoint(Duration duration) {
  store_busy_.Add(Seconds(duration));
  checkpoint_seconds_.Observe(Seconds(duration));
}

void CoordinatorMetrics::OnStoreError(const absl::Status& status) {
  const std::string kind = StoreErrorKind(status);
  store_errors_.at(kind).Add();
  // Only what must never be is refused by the store.
  if (kind == "refused") violations_.at("store").Add();
}

}  // namespace remuda

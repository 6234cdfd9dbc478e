#include "simulation/simulated_agent.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/random.h"
#include "simulation/simulated_client.h"
#include "simulation/version_skew.h"
#include "wire/codec.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kRoundsMax = 1'000;
constexpr uint64_t kSpoolEntriesMax = 64;
constexpr size_t kLogBytes = 3'000;
constexpr Duration kSyncTakes = milliseconds(30);
// An attempt that ends by its time-out alone.
constexpr Duration kEndless = std::chrono::hours(1'000);

uint64_t SequenceOf(const AgentMessage& message) {
  if (const auto* results = std::get_if<Results>(&message)) {
    return results->sequence;
  }
  return std::get<LogChunk>(message).sequence;
}

size_t PlaceOf(ExecutorKind kind) { return static_cast<size_t>(kind); }

}  // namespace

SimulatedAgent::SimulatedAgent(const Options& options, MonotonicTime now,
                               RunLedger& ledger, Problems& problems,
                               IsRecorded is_recorded)
    : options_(options),
      ledger_(ledger),
      problems_(problems),
      is_recorded_(std::move(is_recorded)) {
  const std::string number = std::to_string(options.process);
  AgentCoreOptions core = {
      .version = "1",
      .name = "agent-" + number,
      .instance = options.disk->instance,
      .process = std::string(16 - number.size(), '0') + number,
      .start = ++options.disk->starts,
      .job_types = {"noop"},
      .backoff_spread = 0.5,
      .limits = options.limits};
  for (const ExecutorKind kind :
       {ExecutorKind::kAsync, ExecutorKind::kProcessPool}) {
    const uint64_t line =
        options.bug == PlantedBug::kLineBegun ? options.line_max : 0;
    core.executors.push_back({.kind = kind, .slots = options.slots + line});
    auto executor = std::make_unique<ScriptedExecutor>(
        ExecutorFacts{.kind = kind,
                      .slots = static_cast<size_t>(options.slots)},
        nullptr, kind == ExecutorKind::kProcessPool ? options.line_max : 0);
    executor->SetScript([this, kind](const Attempt& attempt) {
      ledger_.Began(options_.process, attempt.id, kind);
      is_poisoned_ |=
          attempt.id.task == 0 &&
          attempt.work->job.name.find(kPoisonMark) != std::string::npos;
      return PlanOf(attempt);
    });
    executors_[PlaceOf(kind)] = std::move(executor);
  }
  core_ = std::make_unique<AgentCore>(std::move(core));
  if (options.bug != PlantedBug::kSpoolUnread) Inherit(now);
}

void SimulatedAgent::Inherit(MonotonicTime now) {
  AgentDisk& disk = *options_.disk;
  if (disk.frames.empty()) return;
  for (const auto& [sequence, frame] : disk.frames) {
    spool_[sequence] = {.frame = frame, .term = {}, .session = {}};
  }
  keep_up_to_ = last_sequence_ = disk.frames.rbegin()->first;
  core_->Inherit(Local(now), disk.Inherited());
}

SimulatedAgent::~SimulatedAgent() = default;

MonotonicTime SimulatedAgent::Local(MonotonicTime now) const {
  const double passed = static_cast<double>(now.time_since_epoch().count());
  return MonotonicTime(Duration(std::llround(passed * options_.clock_rate)));
}

MonotonicTime SimulatedAgent::World(MonotonicTime local) const {
  const double passed = static_cast<double>(local.time_since_epoch().count());
  // Rounded up, so that what is due then is due.
  return MonotonicTime(
      Duration(static_cast<int64_t>(passed / options_.clock_rate) + 2));
}

AgentTime SimulatedAgent::Time(MonotonicTime now) const {
  const MonotonicTime local = Local(now);
  return {.monotonic = local,
          .wall = WallTime(std::chrono::hours(24 * 365 * 50)) +
                  local.time_since_epoch() + wall_offset_};
}

// The same for the same attempt, wherever and whenever it runs.
ScriptedExecutor::Plan SimulatedAgent::PlanOf(const Attempt& attempt) const {
  Random random(options_.seed ^ (attempt.id.job.value * 1'000'003) ^
                (attempt.id.task * 7'919) ^ attempt.id.fence.value);
  const std::string& name = attempt.work->job.name;
  ScriptedExecutor::Plan plan;
  plan.runs_for = Duration(static_cast<int64_t>(
      random.Unit() * static_cast<double>(options_.shape.task_max.count())));
  if (name.find(kLongMark) != std::string::npos) plan.runs_for = kLongTask;
  plan.heeds_ask = random.Below(8) != 0;
  const uint64_t fate = random.Below(100);
  if (fate < 6) {
    plan.outcome.ending = Ending::kError;
    plan.outcome.exit_code = 3;
  } else if (fate < 9) {
    plan.outcome.ending = Ending::kCrash;
  } else if (fate < 10) {
    plan.outcome.ending = Ending::kOom;
  } else if (fate < 12 && (attempt.work->job.timeout > Duration::zero() ||
                           name.find(kEndlessMark) != std::string::npos)) {
    plan.runs_for = kEndless;
  }
  if (attempt.id.task == 0 && name.find(kPoisonMark) != std::string::npos) {
    plan.runs_for = kEndless;
  }
  plan.outcome.output = attempt.item;
  problems_.Expect(attempt.item == std::to_string(attempt.id.task + 1),
                   "a task runs with its own item");
  if (random.Below(50) == 0) {
    plan.outcome.log_path = "log-" + std::to_string(attempt.id.job.value) +
                            "-" + std::to_string(attempt.id.task) + "-" +
                            std::to_string(attempt.id.fence.value);
  }
  return plan;
}

void SimulatedAgent::Connect(MonotonicTime now) {
  connected_ = true;
  core_->OnConnected(Local(now));
}

void SimulatedAgent::Disconnect(MonotonicTime now) {
  connected_ = false;
  core_->OnDisconnected(Local(now));
  if (options_.bug == PlantedBug::kResultsForgotten) {
    for (auto& [sequence, spooled] : spool_) {
      absl::StatusOr<IncomingFrame> frame = DecodeIncoming(spooled.frame);
      CHECK_OK(frame);
      AgentMessage& message = std::get<AgentFrame>(*frame).message;
      auto* results = std::get_if<Results>(&message);
      if (results == nullptr) continue;
      results->batches.clear();
      spooled.frame = EncodeAgent(message, spooled.term, spooled.session);
    }
  }
}

void SimulatedAgent::OnFrame(MonotonicTime now, std::string_view frame) {
  if (over()) return;
  absl::StatusOr<CoordinatorFrame> decoded = DecodeCoordinator(frame);
  CHECK_OK(decoded);
  if (auto* welcome = std::get_if<Welcome>(&decoded->message)) {
    if (!core_->Awaits(*welcome)) return;
    if (is_foreign()) problems_.Expect(false, "R35 no foreign agent works");
    problems_.Expect(welcome->protocol == kProtocolMax,
                     "R35 both speak what both know");
    answered_ = hellos_asked_[welcome->hello];
    lease_ = welcome->lease;
    heartbeats_asked_.clear();
    if (options_.bug == PlantedBug::kNoSelfFence) welcome->lease *= 100;
    term_ = welcome->term;
    session_ = welcome->session;
    options_.disk->generation = welcome->generation;
    ledger_.Registered(options_.process, welcome->agent);
  } else if (!std::holds_alternative<Refusal>(decoded->message) &&
             (decoded->term != term_ || decoded->session != session_)) {
    return;  // of a session that is over
  }
  if (auto* ack = std::get_if<HeartbeatAck>(&decoded->message);
      ack != nullptr && !heartbeats_asked_.empty()) {
    const auto asked = heartbeats_asked_.find(ack->sequence);
    if (asked != heartbeats_asked_.end()) {
      answered_ = std::max(answered_, asked->second);
    }
    if (options_.bug == PlantedBug::kAnyAnswerRenews) {
      ack->sequence = heartbeats_asked_.rbegin()->first;
    }
  }
  core_->OnMessage(Time(now), std::move(decoded->message));
}

void SimulatedAgent::AdvanceExecutors(MonotonicTime now) {
  for (const auto& executor : executors_) {
    if (executor != nullptr) executor->AdvanceTo(now);
  }
}

void SimulatedAgent::TakeOutcomes(MonotonicTime now) {
  for (const auto& executor : executors_) {
    if (executor == nullptr) continue;
    std::vector<Outcome> outcomes = executor->TakeOutcomes();
    for (const Outcome& outcome : outcomes) NoteEnded(outcome);
    if (executor->facts().kind == ExecutorKind::kProcessPool) {
      std::move(ended_by_lease_.begin(), ended_by_lease_.end(),
                std::back_inserter(outcomes));
      ended_by_lease_.clear();
    }
    core_->OnOutcomes(Time(now), executor->facts().kind, std::move(outcomes));
  }
}

std::optional<MonotonicTime> SimulatedAgent::lease_end() const {
  if (over() || !lease_end_.has_value() ||
      options_.bug == PlantedBug::kLeaseUntold) {
    return std::nullopt;
  }
  return World(*lease_end_);
}

void SimulatedAgent::KeepLease(MonotonicTime now) {
  const std::optional<MonotonicTime> end = lease_end();
  if (!end.has_value() || now < *end) return;
  lease_end_.reset();
  ScriptedExecutor& pool = *executors_[PlaceOf(ExecutorKind::kProcessPool)];
  // Some have ended by themselves.
  pool.AdvanceTo(now);
  // Nothing begins any more.
  for (const AttemptId& id : pool.waiting()) {
    pool.Cancel(id, CancelMode::kForce);
  }
  for (const AttemptId& id : pool.running()) {
    pool.End(id, {.ending = Ending::kEvicted});
  }
  for (Outcome& outcome : pool.TakeOutcomes()) {
    NoteEnded(outcome);
    ended_by_lease_.push_back(std::move(outcome));
  }
}

void SimulatedAgent::NoteEnded(const Outcome& outcome) {
  if (outcome.started) {
    ledger_.Ended(options_.process, outcome.id, outcome.ending);
  }
  if (!outcome.log_path.empty()) log_folders_.insert(outcome.log_path);
}

void SimulatedAgent::Turn(MonotonicTime now) {
  if (over()) return;
  Sync(now);
  AdvanceExecutors(now);
  for (int round = 0;; ++round) {
    CHECK(round < kRoundsMax);
    TakeOutcomes(now);
    core_->OnTime(Local(now));
    ExecutorCapacities room = {};
    for (const auto& executor : executors_) {
      if (executor == nullptr) continue;
      room[PlaceOf(executor->facts().kind)] = executor->capacity();
    }
    const bool again = Perform(now, core_->TakeOutput(Local(now), room));
    if (over() || !again) break;
  }
  CheckHeld(now);
  CheckLease(now);
}

bool SimulatedAgent::Perform(MonotonicTime now, AgentOutput output) {
  if (output.lease_end.has_value()) lease_end_ = output.lease_end;
  Release(output.release_up_to);
  KeepAndSend(now, output);
  const bool again = !output.reads.empty() || !output.stops.empty();
  Start(now, std::move(output.starts));
  for (const StopAttempt& stop : output.stops) {
    executors_[PlaceOf(stop.executor)]->Cancel(stop.id, stop.mode);
  }
  for (const ReadLog& read : output.reads) {
    const std::string text(kLogBytes, static_cast<char>('a' + read.stream));
    const size_t offset = std::min<size_t>(read.offset, text.size());
    LogRead answer = {.attempt = read.attempt,
                      .stream = read.stream,
                      .offset = read.offset,
                      .bytes = text.substr(offset, read.bytes_max)};
    answer.is_end = offset + answer.bytes.size() == text.size();
    core_->OnLogRead(std::move(answer));
  }
  for (const std::string& folder : output.folders_to_delete) {
    problems_.Expect(log_folders_.erase(folder) == 1,
                     "a folder of logs is deleted once");
  }
  const bool is_full = spool_.size() >= kSpoolEntriesMax;
  if (is_full != spool_was_full_) {
    spool_was_full_ = is_full;
    core_->OnSpool(is_full);
  }
  if (output.ended.has_value()) {
    if (output.goodbye.has_value()) Send(now, *output.goodbye);
    ended_ = output.ended;
  }
  return again;
}

void SimulatedAgent::Start(MonotonicTime now,
                           std::vector<StartAttempts> starts) {
  for (StartAttempts& batch : starts) {
    const absl::Status started =
        executors_[PlaceOf(batch.executor)]->Start(batch.attempts);
    if (started.ok()) continue;
    core_->OnStartRefused(Time(now), std::move(batch), started);
  }
}

void SimulatedAgent::Release(uint64_t up_to) {
  const auto end = spool_.upper_bound(up_to);
  for (auto spooled = spool_.begin(); spooled != end; ++spooled) {
    CheckRecorded(spooled->second.frame);
  }
  spool_.erase(spool_.begin(), end);
  syncing_.erase(syncing_.begin(), syncing_.upper_bound(up_to));
  options_.disk->Release(up_to);
}

void SimulatedAgent::Keep(MonotonicTime now, uint64_t up_to) {
  for (uint64_t next = keep_up_to_ + 1; next <= up_to; ++next) {
    if (spool_.contains(next)) syncing_[next] = now + kSyncTakes;
  }
  keep_up_to_ = std::max(keep_up_to_, up_to);
}

void SimulatedAgent::Sync(MonotonicTime now) {
  while (!syncing_.empty() && syncing_.begin()->second <= now) {
    const uint64_t sequence = syncing_.begin()->first;
    options_.disk->frames[sequence] = spool_.at(sequence).frame;
    syncing_.erase(syncing_.begin());
  }
}

void SimulatedAgent::Crash(MonotonicTime now, uint64_t synced_too) {
  Sync(now);
  for (; synced_too > 0 && !syncing_.empty(); --synced_too) {
    syncing_.begin()->second = now;
    Sync(now);
  }
}

void SimulatedAgent::CheckRecorded(const std::string& frame) {
  absl::StatusOr<IncomingFrame> decoded = DecodeIncoming(frame);
  CHECK_OK(decoded);
  const AgentMessage& message = std::get<AgentFrame>(*decoded).message;
  const auto* results = std::get_if<Results>(&message);
  if (results == nullptr) return;
  for (const EndedBatch& batch : results->batches) {
    for (const EndingRun& run : batch.runs) {
      if (!run.started) continue;
      for (uint64_t i = 0; i < run.tasks.count; ++i) {
        problems_.Expect(is_recorded_({.job = batch.job,
                                       .task = run.tasks.first + i,
                                       .fence = run.fence}),
                         "R19 a result is kept until it is recorded");
      }
    }
  }
}

void SimulatedAgent::KeepAndSend(MonotonicTime now, const AgentOutput& output) {
  for (const AgentMessage& message : output.spool) {
    problems_.Expect(
        last_sequence_ == 0 || SequenceOf(message) == last_sequence_ + 1,
        "results are numbered without gaps");
    last_sequence_ = SequenceOf(message);
    spool_[last_sequence_] = {.frame = EncodeAgent(message, term_, session_),
                              .term = term_,
                              .session = session_};
  }
  Keep(now, output.keep_up_to);
  for (const AgentMessage& message : output.send) Send(now, message);
  if (!output.send_spooled.has_value()) return;
  for (uint64_t sequence = output.send_spooled->first;
       sequence <= output.send_spooled->last; ++sequence) {
    const Spooled& spooled = spool_.at(sequence);
    if (spooled.term == term_ && spooled.session == session_) {
      frames_.push_back(spooled.frame);
      continue;
    }
    absl::StatusOr<IncomingFrame> decoded = DecodeIncoming(spooled.frame);
    CHECK_OK(decoded);
    Send(now, std::get<AgentFrame>(*decoded).message);
  }
}

void SimulatedAgent::NoteAsked(MonotonicTime now, const AgentMessage& message) {
  constexpr size_t kAskedMax = 256;
  if (const auto* hello = std::get_if<Hello>(&message)) {
    hellos_asked_[hello->number] = Local(now);
    if (hellos_asked_.size() > kAskedMax) {
      hellos_asked_.erase(hellos_asked_.begin());
    }
  } else if (const auto* heartbeat = std::get_if<Heartbeat>(&message)) {
    heartbeats_asked_[heartbeat->sequence] = Local(now);
    if (heartbeats_asked_.size() > kAskedMax) {
      heartbeats_asked_.erase(heartbeats_asked_.begin());
    }
  }
}

// However late an answer comes, the lease counts from the question.
void SimulatedAgent::CheckLease(MonotonicTime now) {
  const AgentGauges gauges = core_->gauges(Local(now));
  if (options_.bug == PlantedBug::kNoSelfFence) return;
  problems_.Expect(gauges.lease_margin == Duration::zero() ||
                       Local(now) + gauges.lease_margin <= answered_ + lease_,
                   "R17 a lease counts from the question that was answered");
}

void SimulatedAgent::Send(MonotonicTime now, const AgentMessage& message) {
  NoteAsked(now, message);
  if (const auto* heartbeat = std::get_if<Heartbeat>(&message)) {
    for (const Credit& credit : heartbeat->credits) {
      uint64_t& most = credit_max_[PlaceOf(credit.executor)];
      most = std::max(most, credit.tasks);
    }
  }
  const bool opens = std::holds_alternative<Hello>(message);
  std::string frame;
  if (opens && options_.version != Options::Version::kThis) {
    Hello hello = std::get<Hello>(message);
    hello.protocol_max = kProtocolMax + 2;
    if (is_foreign()) hello.protocol_min = kProtocolMax + 1;
    frame = EncodeAgent(hello, Term{}, SessionId{});
  } else {
    frame = EncodeAgent(message, opens ? Term{} : term_,
                        opens ? SessionId{} : session_);
  }
  if (options_.version != Options::Version::kThis) AddUnknownField(frame);
  frames_.push_back(std::move(frame));
}

void SimulatedAgent::CheckHeld(MonotonicTime now) {
  const AgentGauges gauges = core_->gauges(Local(now));
  for (size_t place = 0; place < kExecutorKinds; ++place) {
    const AgentGauges::OfExecutor& executor = gauges.executors[place];
    // What it was told to stop, and may still be stopping, is not counted by
    // the coordinator.
    problems_.Expect(
        executor.running + executor.waiting <=
            credit_max_[place] + executor.slots + options_.line_max,
        "R21 an agent holds no more than its credit");
  }
}

std::vector<std::string> SimulatedAgent::TakeFrames() {
  return std::exchange(frames_, {});
}

std::optional<MonotonicTime> SimulatedAgent::next_time() const {
  if (over()) return std::nullopt;
  std::optional<MonotonicTime> next = core_->next_time();
  // At once, if it has more to start.
  if (next == MonotonicTime::min()) return next;
  if (next.has_value()) next = World(*next);
  for (const auto& executor : executors_) {
    if (executor == nullptr) continue;
    const std::optional<MonotonicTime> due = executor->next_due();
    if (due.has_value() && (!next.has_value() || *due < *next)) next = due;
  }
  return next;
}

void SimulatedAgent::Drain(MonotonicTime now) {
  core_->OnDrain(Local(now), Local(now) + seconds(5));
}

bool SimulatedAgent::at_rest(MonotonicTime now) const {
  if (over()) return true;
  const AgentGauges gauges = core_->gauges(Local(now));
  return gauges.registered && gauges.held == 0 && log_folders_.empty();
}

}  // namespace remuda

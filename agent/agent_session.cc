#include "agent/agent_session.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <variant>

#include "agent/inherited_results.h"
#include "agent/log_files.h"
#include "base/log.h"
#include "wire/codec.h"

namespace remuda {
namespace {

size_t PlaceOf(ExecutorKind kind) { return static_cast<size_t>(kind); }

AgentCoreOptions WithExecutors(AgentCoreOptions options,
                               const std::vector<ExecutorEntry>& executors) {
  std::set<std::string> job_types;
  for (const ExecutorEntry& entry : executors) {
    const ExecutorFacts& facts = entry.executor->facts();
    options.executors.push_back({.kind = facts.kind, .slots = facts.slots});
    job_types.insert(entry.job_types.begin(), entry.job_types.end());
  }
  options.job_types.assign(job_types.begin(), job_types.end());
  return options;
}

// An executor refuses a batch as a whole, although one job in it may be all
// that it cannot run.
std::vector<StartAttempts> SplitByJob(const StartAttempts& batch) {
  std::vector<StartAttempts> parts;
  for (const Attempt& attempt : batch.attempts) {
    if (parts.empty() ||
        parts.back().attempts.back().id.job != attempt.id.job) {
      parts.push_back({.executor = batch.executor});
    }
    parts.back().attempts.push_back(attempt);
  }
  return parts;
}

// What an earlier process left may have had another number.
void Renumber(AgentMessage& message, uint64_t sequence) {
  if (auto* results = std::get_if<Results>(&message)) {
    results->sequence = sequence;
  } else if (auto* chunk = std::get_if<LogChunk>(&message)) {
    chunk->sequence = sequence;
  }
}

uint64_t SequenceOf(const AgentMessage& message) {
  if (const auto* results = std::get_if<Results>(&message)) {
    return results->sequence;
  }
  return std::get<LogChunk>(message).sequence;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AgentSession>> AgentSession::Start(
    AgentSessionOptions options, std::vector<ExecutorEntry> executors,
    std::shared_ptr<Ready> ready, std::unique_ptr<Spool> spool,
    WireContext& context, EventLoop& loop, Random& random, Observer observer) {
  std::set<ExecutorKind> kinds;
  for (const ExecutorEntry& entry : executors) {
    if (kinds.insert(entry.executor->facts().kind).second) continue;
    return absl::InvalidArgumentError("two executors of one kind");
  }
  const DealerOptions socket_options = options.socket;
  std::unique_ptr<AgentSession> session(new AgentSession(
      std::move(options), std::move(executors), std::move(ready),
      std::move(spool), loop, std::move(observer)));
  AgentSession* self = session.get();
  absl::StatusOr<std::unique_ptr<DealerSocket>> socket = DealerSocket::Connect(
      socket_options, context, loop, random,
      {.on_frame = [self](std::string_view frame) { self->OnFrame(frame); },
       .on_connected = [self] { self->core_.OnConnected(self->loop_.Now()); },
       .on_disconnected =
           [self] { self->core_.OnDisconnected(self->loop_.Now()); },
       .on_turned_away =
           [](TurnedAway why) {
             Log(LogLevel::kWarning, "turned_away",
                 "The coordinator does not let this agent in; it keeps trying.",
                 {{"reason", ReasonOf(why)}});
           }});
  if (!socket.ok()) return socket.status();
  session->socket_ = *std::move(socket);
  session->core_.Inherit(loop.Now(), ReadInherited(*session->spool_));
  loop.AddTurnEnd([self] { self->Turn(); });
  return session;
}

AgentSession::AgentSession(AgentSessionOptions options,
                           std::vector<ExecutorEntry> executors,
                           std::shared_ptr<Ready> ready,
                           std::unique_ptr<Spool> spool, EventLoop& loop,
                           Observer observer)
    : loop_(loop),
      observer_(std::move(observer)),
      ready_(std::move(ready)),
      spool_(std::move(spool)),
      core_(WithExecutors(std::move(options.core), executors)) {
  for (ExecutorEntry& entry : executors) {
    executors_[PlaceOf(entry.executor->facts().kind)] =
        std::move(entry.executor);
  }
}

AgentSession::~AgentSession() = default;

AgentTime AgentSession::Time() const {
  return {.monotonic = loop_.Now(), .wall = loop_.clock().WallNow()};
}

void AgentSession::OnFrame(std::string_view frame) {
  if (over_) return;
  absl::StatusOr<CoordinatorFrame> decoded = DecodeCoordinator(frame);
  if (!decoded.ok()) {
    ++frames_.malformed;
    if (absl::IsFailedPrecondition(decoded.status())) {
      End(absl::FailedPreconditionError(
          "the coordinator speaks another protocol: " +
          std::string(decoded.status().message())));
      return;
    }
    Log(LogLevel::kWarning, "frame_malformed",
        "A frame of the coordinator is not understood.",
        {{"reason", std::string(decoded.status().message())}});
    return;
  }
  Count(frame);
  if (const auto* welcome = std::get_if<Welcome>(&decoded->message)) {
    if (!core_.Awaits(*welcome)) return;
    term_ = welcome->term;
    session_ = welcome->session;
    spool_->SetGeneration(welcome->generation);
  } else if (!std::holds_alternative<Refusal>(decoded->message) &&
             (decoded->term != term_ || decoded->session != session_)) {
    return;  // of a session that is over
  }
  core_.OnMessage(Time(), std::move(decoded->message));
}

void AgentSession::Turn() {
  if (over_) return;
  const AgentTime now = Time();
  for (int round = 0;; ++round) {
    for (size_t place = 0; place < executors_.size(); ++place) {
      if (executors_[place] == nullptr) continue;
      // Cleared first: an outcome that comes after the taking sets it again.
      if (!(*ready_)[place].exchange(false, std::memory_order_acq_rel)) {
        continue;
      }
      // First: an outcome may be the last thing that its job waits for.
      std::vector<Finding> findings = executors_[place]->TakeFindings();
      if (!findings.empty()) core_.OnFindings(std::move(findings));
      core_.OnOutcomes(now, static_cast<ExecutorKind>(place),
                       executors_[place]->TakeOutcomes());
    }
    core_.OnTime(now.monotonic);
    ExecutorCapacities room = {};
    for (size_t place = 0; place < executors_.size(); ++place) {
      if (executors_[place] != nullptr) {
        room[place] = executors_[place]->capacity();
      }
    }
    const bool again = Perform(core_.TakeOutput(now.monotonic, room));
    if (over_) return;
    if (!again) break;
    if (round + 1 == kRoundsMax) {
      loop_.Post([] {});
      break;
    }
  }
  WakeAt(core_.next_time());
}

// Whether the core should be asked for more at once.
bool AgentSession::Perform(AgentOutput output) {
  if (observer_.on_output) observer_.on_output(output);
  for (const AgentNote& note : output.notes) LogNote(note);
  spool_->ReleaseUpTo(output.release_up_to);
  Keep(output);
  for (const AgentMessage& message : output.send) {
    if (std::holds_alternative<Heartbeat>(message)) {
      longest_turn_ = Duration::zero();
      core_.OnLoopLag(longest_turn_);
    }
    Send(message);
  }
  if (over_) return false;
  if (output.send_spooled.has_value()) SendSpooled(*output.send_spooled);

  bool again = !StartAll(std::move(output.starts)) || !output.reads.empty();
  for (const StopAttempt& stop : output.stops) {
    executors_[PlaceOf(stop.executor)]->Cancel(stop.id, stop.mode);
  }
  for (const ReadLog& read : output.reads) core_.OnLogRead(ReadLogFile(read));
  for (const std::string& folder : output.folders_to_delete) {
    const absl::Status deleted = DeleteLogFolder(folder);
    if (deleted.ok()) continue;
    Log(LogLevel::kWarning, "log_folder_kept",
        "A folder of logs could not be deleted.",
        {{"reason", std::string(deleted.message())}});
  }
  if (spool_->full() != spool_was_full_) {
    spool_was_full_ = spool_->full();
    core_.OnSpool(spool_was_full_);
    Log(LogLevel::kWarning, spool_was_full_ ? "spool_full" : "spool_has_room",
        "New work depends on the coordinator taking results.",
        {{"entries", static_cast<int64_t>(spool_->entries())},
         {"bytes", static_cast<int64_t>(spool_->bytes())}});
    again = true;
  }
  if (output.ended.has_value()) {
    if (output.goodbye.has_value()) Send(*output.goodbye);
    End(*output.ended);
  }
  return again && !over_;
}

void AgentSession::Keep(const AgentOutput& output) {
  for (const AgentMessage& message : output.spool) {
    last_sequence_ = SequenceOf(message);
    spool_->Append(last_sequence_,
                   {.frame = EncodeAgent(message, term_, session_),
                    .term = term_,
                    .session = session_});
  }
  spool_->Poll();
  spool_->Keep(output.keep_up_to);
  const absl::Status& status = spool_->file_status();
  if (spool_file_failed_ == !status.ok()) return;
  spool_file_failed_ = !status.ok();
  Log(status.ok() ? LogLevel::kInfo : LogLevel::kError,
      status.ok() ? "spool_kept_again" : "spool_not_kept",
      status.ok() ? "Results that wait are on disk again."
                  : "Results that wait are in memory only; should this process "
                    "be killed, their tasks run again.",
      {{"reason", std::string(status.message())}});
}

// False if an executor refused some of them.
bool AgentSession::StartAll(std::vector<StartAttempts> starts) {
  bool all_started = true;
  while (!starts.empty()) {
    StartAttempts batch = std::move(starts.back());
    starts.pop_back();
    const absl::Status started =
        executors_[PlaceOf(batch.executor)]->Start(batch.attempts);
    if (started.ok()) continue;
    all_started = false;
    std::vector<StartAttempts> by_job;
    if (absl::IsInvalidArgument(started)) by_job = SplitByJob(batch);
    if (by_job.size() > 1) {
      std::move(by_job.begin(), by_job.end(), std::back_inserter(starts));
    } else {
      core_.OnStartRefused(Time(), std::move(batch), started);
    }
  }
  return all_started;
}

void AgentSession::Send(const AgentMessage& message) {
  // A Hello belongs to no session.
  const bool opens = std::holds_alternative<Hello>(message);
  SendFrame(EncodeAgent(message, opens ? Term{} : term_,
                        opens ? SessionId{} : session_));
}

void AgentSession::SendSpooled(Outbox::Span span) {
  for (uint64_t sequence = span.first; sequence <= span.last; ++sequence) {
    absl::StatusOr<Spool::Entry> entry = spool_->Read(sequence);
    if (!entry.ok()) {
      End(entry.status());
      return;
    }
    if (entry->term == term_ && entry->session == session_) {
      SendFrame(entry->frame);
      continue;
    }
    // It was encoded before this session began.
    absl::StatusOr<IncomingFrame> decoded = DecodeIncoming(entry->frame);
    if (!decoded.ok()) {
      End(absl::InternalError("the spool holds what cannot be read: " +
                              std::string(decoded.status().message())));
      return;
    }
    AgentMessage message = std::get<AgentFrame>(*decoded).message;
    Renumber(message, sequence);
    Send(message);
  }
}

void AgentSession::Count(std::string_view frame) {
  const absl::StatusOr<FrameHeader> header = DecodeHeader(frame);
  if (header.ok()) ++frames_.of_type[header->type % frames_.of_type.size()];
}

void AgentSession::SendFrame(std::string_view frame) {
  Count(frame);
  const absl::Status sent = socket_->Send(frame);
  if (sent.ok() || absl::IsUnavailable(sent)) return;
  if (absl::IsInvalidArgument(sent)) {
    End(absl::InternalError("a message of " + std::to_string(frame.size()) +
                            " bytes is too long to send"));
    return;
  }
  // The core misses the answer and begins a new session.
  Log(LogLevel::kWarning, "send_failed",
      "A message to the coordinator is dropped.",
      {{"reason", std::string(sent.message())}});
}

void AgentSession::OnTurn(Duration duration) {
  if (duration <= longest_turn_) return;
  longest_turn_ = duration;
  core_.OnLoopLag(duration);
}

void AgentSession::Drain(Duration patience) {
  core_.OnDrain(loop_.Now(), loop_.Now() + patience);
}

void AgentSession::Leave() {
  if (over_) return;
  if (core_.gauges(loop_.Now()).registered) {
    Send(Goodbye{.reason = "the agent was stopped"});
  }
  End(absl::OkStatus());
}

void AgentSession::LogNote(const AgentNote& note) const {
  Log(note.is_warning ? LogLevel::kWarning : LogLevel::kInfo, note.code,
      note.text);
}

void AgentSession::WakeAt(std::optional<MonotonicTime> time) {
  if (time == timer_at_) return;
  if (timer_at_.has_value()) loop_.CancelTimer(timer_);
  timer_at_ = time;
  if (!time.has_value()) return;
  timer_ = loop_.RunAt(*time, [this] { timer_at_.reset(); });
}

void AgentSession::End(const absl::Status& status) {
  if (over_) return;
  over_ = true;
  observer_.on_ended(status);
}

std::array<WorkerNumbers, kExecutorKinds> AgentSession::workers() const {
  std::array<WorkerNumbers, kExecutorKinds> workers{};
  for (size_t place = 0; place < executors_.size(); ++place) {
    if (executors_[place] != nullptr) {
      workers[place] = executors_[place]->workers();
    }
  }
  return workers;
}

DealerSocket::Counters AgentSession::socket_counters() const {
  return socket_->counters();
}

}  // namespace remuda

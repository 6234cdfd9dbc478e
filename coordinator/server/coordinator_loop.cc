#include "coordinator/server/coordinator_loop.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/log.h"
#include "wire/frame_types.h"

namespace remuda {

absl::StatusOr<std::unique_ptr<CoordinatorLoop>> CoordinatorLoop::Start(
    const Options& options, Store store, WireContext& context, EventLoop& loop,
    CoordinatorMetrics& metrics, LoopDoor& door) {
  std::unique_ptr<CoordinatorLoop> self(
      new CoordinatorLoop(options, store.folder().path(), loop, metrics, door));
  const MonotonicTime start = loop.clock().Now();
  const std::string path = store.folder().database_path();
  absl::StatusOr<StoreReader> first_reader = StoreReader::Open(path);
  if (!first_reader.ok()) return first_reader.status();
  const absl::Status restored = self->Restore(store, *first_reader);
  if (!restored.ok()) return restored;
  metrics.OnRecovered(loop.clock().Now() - start);

  for (std::unique_ptr<ReaderThread>* thread :
       {&self->queries_, &self->submissions_}) {
    absl::StatusOr<StoreReader> reader = StoreReader::Open(path);
    if (!reader.ok()) return reader.status();
    *thread = std::make_unique<ReaderThread>(*std::move(reader), loop);
  }

  CoordinatorLoop* const me = self.get();
  RouterOptions router_options = {.endpoint = options.listen};
  if (options.keys != nullptr) {
    router_options.keys.emplace(options.keys->keys());
  }
  absl::StatusOr<std::unique_ptr<RouterSocket>> socket =
      RouterSocket::Bind(router_options, context, loop,
                         [me](WirePeer peer, std::string_view frame) {
                           me->OnFrame({peer.value}, frame);
                         });
  if (!socket.ok()) return socket.status();
  self->socket_ = *std::move(socket);
  self->outbox_ = std::make_unique<Outbox>(
      *self->socket_, loop, [me](Peer peer) { me->OnPeerGone(peer); });
  self->store_ = std::make_unique<StoreThread>(
      std::move(store), loop,
      StoreThread::Options{
          .on_failure = options.on_store_failure,
          .on_commit =
              [&metrics](const CommitFacts& facts, Duration duration,
                         Duration waited) {
                metrics.OnCommit(facts, duration, waited);
              },
          .on_checkpoint =
              [&metrics](Duration duration) { metrics.OnCheckpoint(duration); },
          .events_in_passing = options.durability == Durability::kRelaxed
                                   ? kEventsInPassing
                                   : 0},
      [me](std::vector<CommitUnit> units) {
        me->OnCommitted(std::move(units));
      });
  loop.AddTurnEnd([me] { me->EndTurn(); });
  loop.SetTurnObserver(
      [&metrics](Duration duration) { metrics.OnTurn(duration); });
  door.Open([me](Peer peer, const Identity& identity, ClientRequest request) {
    me->OnRequest(peer, identity, 1, std::move(request));
  });
  self->ticked_ = loop.Now();
  self->Tick();
  self->LearnKeys("");
  return self;
}

CoordinatorLoop::CoordinatorLoop(const Options& options,
                                 const std::string& folder, EventLoop& loop,
                                 CoordinatorMetrics& metrics, LoopDoor& door)
    : options_(options),
      disk_(folder),
      loop_(loop),
      metrics_(metrics),
      core_(options.core),
      door_(door),
      key_metrics_(metrics.registry()),
      verdict_metrics_(metrics.registry()),
      move_metrics_(metrics.registry()) {}

CoordinatorLoop::~CoordinatorLoop() { door_.Close(); }

absl::Status CoordinatorLoop::Restore(Store& store, StoreReader& reader) {
  absl::StatusOr<StoredState> state = store.Load();
  if (!state.ok()) return state.status();
  absl::StatusOr<std::vector<LearnedKind>> learned = reader.LearnedKinds();
  if (!learned.ok()) return learned.status();
  learner_.Restore(CurrentTime(), *state, *std::move(learned));
  for (const StoredJob& job : state->jobs) {
    committed_[job.summary.id] = job.summary;
  }
  return core_.Restore(CurrentTime(), *state);
}

Now CoordinatorLoop::CurrentTime() const {
  return {.monotonic = loop_.Now(), .wall = loop_.clock().WallNow()};
}

void CoordinatorLoop::OnFrame(Peer peer, std::string_view frame) {
  if (Ignored(peer)) return;
  absl::StatusOr<IncomingFrame> incoming = DecodeIncoming(frame);
  if (!incoming.ok()) {
    OnBadFrame(peer, frame, incoming.status());
    return;
  }
  metrics_.OnFrameIn(frame);
  if (auto* agent = std::get_if<AgentFrame>(&*incoming)) {
    if (Denied(peer, *agent)) return;
    if (!AdmitHello(peer, agent->message)) return;
    core_.OnAgentMessage(
        CurrentTime(),
        {.peer = peer, .term = agent->term, .session = agent->session},
        std::move(agent->message));
    changed_ = true;
  } else {
    auto& request = std::get<RequestFrame>(*incoming);
    OnRequest(peer, socket_->IdentityOf({peer.value}), request.number,
              std::move(request.request));
  }
}

bool CoordinatorLoop::Denied(Peer peer, const AgentFrame& frame) {
  const Identity identity = socket_->IdentityOf({peer.value});
  if (MayServe(identity.role)) return false;
  CountDenied(peer, identity, frame_types::TypeOf(frame.message));
  const Refusal refusal = {.code = Refusal::Code::kForbidden,
                           .reason = std::string("a key of the role ") +
                                     RoleName(identity.role) +
                                     " is not an agent's"};
  Send(ToAgent{.peer = peer, .session = frame.session, .message = refusal});
  return true;
}

bool CoordinatorLoop::Denied(Peer peer, const Identity& identity,
                             uint64_t number, const ClientRequest& request) {
  if (MayAsk(identity.role, request) != Permission::kDenied) return false;
  const uint8_t type = frame_types::TypeOf(request);
  CountDenied(peer, identity, type);
  ReplyError(peer, number,
             absl::PermissionDeniedError(
                 std::string("the role ") + RoleName(identity.role) +
                 " may not ask for " + std::string(FrameTypeName(type))));
  return true;
}

void CoordinatorLoop::CountDenied(Peer peer, const Identity& identity,
                                  uint8_t type) {
  metrics_.OnDenied(identity.role, FrameTypeName(type));
  ++denied_unlogged_;
  if (loop_.Now() < denied_logged_ + kDeniedLogInterval) return;
  Log(LogLevel::kWarning, "denied", "A peer asked for what it may not.",
      {{"peer", peer.value},
       {"identity", identity.name},
       {"role", RoleName(identity.role)},
       {"type", std::string(FrameTypeName(type))},
       {"since_last", denied_unlogged_}});
  denied_logged_ = loop_.Now();
  denied_unlogged_ = 0;
}

void CoordinatorLoop::OnBadFrame(Peer peer, std::string_view frame,
                                 const absl::Status& status) {
  const absl::StatusOr<FrameHeader> header = DecodeHeader(frame);
  const bool other_version =
      absl::IsFailedPrecondition(status) || absl::IsUnimplemented(status);
  metrics_.OnMalformed(other_version ? "version" : "malformed");
  if (strikes_.size() >= kStrikersMax && !strikes_.contains(peer)) {
    strikes_.erase(strikes_.begin());
  }
  const uint32_t strikes = ++strikes_[peer];
  const std::string reason = std::string(status.message());
  Log(LogLevel::kWarning, "malformed_frame",
      "A peer sent what is no message of ours.",
      {{"peer", peer.value}, {"strikes", strikes}, {"reason", reason}});
  if (header.ok() && header->kind == FrameKind::kRequest) {
    ReplyError(peer, header->number, absl::InvalidArgumentError(reason));
    return;
  }
  const Refusal refusal = {.code = other_version ? Refusal::Code::kVersion
                                                 : Refusal::Code::kMalformed,
                           .reason = reason};
  Send(ToAgent{.peer = peer, .session = {}, .message = refusal});
}

bool CoordinatorLoop::Ignored(Peer peer) const {
  if (strikes_.empty()) return false;
  const auto found = strikes_.find(peer);
  return found != strikes_.end() && found->second >= kStrikesMax;
}

bool CoordinatorLoop::AdmitHello(Peer peer, AgentMessage& message) {
  auto* hello = std::get_if<Hello>(&message);
  if (hello == nullptr) return true;
  const std::shared_ptr<const AllowEntry> entry =
      socket_->EntryOf(WirePeer{peer.value});
  if (entry == nullptr) return true;  // a door without keys
  const KeySessions::Answer answer =
      key_sessions_.Open(peer, *entry, *hello, [this](Peer other) {
        return socket_->IsConnected(WirePeer{other.value});
      });
  for (const Peer over : answer.over) OnPeerGone(over);
  if (answer.refusal.empty()) return true;
  Log(LogLevel::kWarning, "key_in_use", "An agent's key is in use by others.",
      {{"key", entry->identity.name}, {"instance", hello->instance}});
  Send(ToAgent{.peer = peer,
               .session = {},
               .message = Refusal{.code = Refusal::Code::kBusy,
                                  .reason = answer.refusal}});
  return false;
}

void CoordinatorLoop::OnKeysChanged() {
  for (const WirePeer peer : socket_->CutChanged()) {
    Log(LogLevel::kInfo, "peer_cut",
        "A peer was cut off, as its key's entry changed.",
        {{"peer", peer.value}});
    OnPeerGone({peer.value});
  }
}

void CoordinatorLoop::OnPeerGone(Peer peer) {
  key_sessions_.Close(peer);
  watches_.Drop(peer);
  core_.OnAgentUnreachable(CurrentTime(), peer);
  changed_ = true;
}

void CoordinatorLoop::EndTurn() {
  const std::optional<MonotonicTime> next = core_.next_time();
  const bool due = next.has_value() && *next <= loop_.Now() &&
                   loop_.Now() >= leases_hold_until_;
  Learn();
  if (changed_ || due) Advance();
  SendWatches();
  ArmTimer();
}

void CoordinatorLoop::Learn() {
  const std::optional<MonotonicTime> next = learner_.next_time();
  if (!next.has_value() || *next > loop_.Now() || store_->full()) return;
  const Now now = CurrentTime();
  for (ExecutorLearner::Step& step : learner_.Look(
           now, [this](JobId job) { return core_.tasks_waiting(job); })) {
    Log(LogLevel::kInfo, "executor_move", "A job moves to another executor.",
        {{"job", step.job.value},
         {"from", std::string(Name(step.from))},
         {"to", std::string(Name(step.to))},
         {"result", std::string(Name(step.result))},
         {"reason", step.reason}});
    move_metrics_.Count(step.from, step.to, step.result);
    core_.OnExecutorWish(now, std::move(step.wish));
    pending_learned_.push_back(std::move(step.learned));
    changed_ = true;
  }
}

void CoordinatorLoop::Advance() {
  // What the disk cannot take stays in the core, where it gathers into one
  // unit; OnCommitted() comes back here.
  if (store_->full()) return;
  changed_ = false;
  const MonotonicTime start = loop_.clock().Now();
  const Now now = CurrentTime();
  // A lease may only run out once what its holder sent has been read.
  if (socket_->drained() && now.monotonic >= leases_hold_until_) {
    core_.OnTime(now);
  }
  core_.Dispatch(now);
  CommitUnit unit;
  unit.output = core_.TakeOutput();
  metrics_.OnDispatch(loop_.clock().Now() - start);
  for (const auto& send : unit.output.at_once) Send(send);
  unit.output.at_once.clear();

  unit.items = std::exchange(pending_items_, {});
  unit.learned = std::exchange(pending_learned_, {});
  const Output& output = unit.output;
  const bool writes = output.needs_commit() || !output.grants_done.empty() ||
                      !output.summaries.empty() || !unit.learned.empty();
  if (!writes && store_->idle()) {
    for (const auto& send : output.after_commit) Send(send);
  } else if (writes || !output.after_commit.empty()) {
    store_->Commit(std::move(unit));
  }
}

void CoordinatorLoop::OnCommitted(std::vector<CommitUnit> units) {
  for (CommitUnit& unit : units) {
    learner_.OnCommitted(CurrentTime(), unit.output);
    watches_.OnCommitted(unit.output.summaries);
    for (JobSummary& summary : unit.output.summaries) {
      if (IsTerminal(summary.state)) {
        committed_.erase(summary.id);
        CountVerdict(summary);
        finished_.Add(std::move(summary));
      } else {
        const JobId id = summary.id;
        committed_[id] = std::move(summary);
      }
    }
    SendAfterCommit(unit.output.after_commit, units.size() == 1);
  }
}

// What somebody waits for goes first: work to agents; else the ends of jobs to
// those who watch them, before agents hear that these are settled.
void CoordinatorLoop::SendAfterCommit(const std::vector<::remuda::Send>& sends,
                                      bool is_alone) {
  const auto send_all = [&](bool to_agents) {
    for (const ::remuda::Send& send : sends) {
      if (std::holds_alternative<ToAgent>(send) == to_agents) Send(send);
    }
  };
  const bool has_work =
      std::any_of(sends.begin(), sends.end(), [](const ::remuda::Send& send) {
        const auto* to_agent = std::get_if<ToAgent>(&send);
        return to_agent != nullptr &&
               std::holds_alternative<Grant>(to_agent->message);
      });
  if (has_work) send_all(/*to_agents=*/true);
  send_all(/*to_agents=*/false);
  if (has_work) return;
  // Of many units that end together the last says most.
  if (is_alone) SendWatches();
  send_all(/*to_agents=*/true);
}

// Notices when the process was stopped or the machine slept.
void CoordinatorLoop::Tick() {
  const MonotonicTime now = loop_.Now();
  if (now - ticked_ > kTickInterval + kStallMin) {
    leases_hold_until_ = now + kStallGrace;
    Log(LogLevel::kWarning, "loop_stalled",
        "The coordinator stood still; leases wait for what has arrived.",
        {{"seconds", std::chrono::duration<double>(now - ticked_).count()}});
  }
  ticked_ = now;
  loop_.RunAfter(kTickInterval, [this] { Tick(); });
}

void CoordinatorLoop::ArmTimer() {
  std::optional<MonotonicTime> next = core_.next_time();
  if (next.has_value()) next = std::max(*next, leases_hold_until_);
  for (const auto& other :
       {watches_.next_time(), staging_.next_time(), learner_.next_time()}) {
    if (other.has_value()) next = std::min(next.value_or(*other), *other);
  }
  // Input that must wait for the disk comes back by OnCommitted().
  if (!next.has_value() || store_->full()) return;
  if (timer_armed_ && timer_time_ <= *next) return;
  if (timer_armed_) loop_.CancelTimer(timer_);
  timer_armed_ = true;
  timer_time_ = *next;
  timer_ = loop_.RunAt(*next, [this] {
    timer_armed_ = false;
    staging_.DropIdle(loop_.Now());
  });
}

void CoordinatorLoop::Send(const ::remuda::Send& send) {
  if (const auto* to_agent = std::get_if<ToAgent>(&send)) {
    std::string frame =
        EncodeCoordinator(to_agent->message, core_.term(), to_agent->session);
    metrics_.OnFrameOut(frame);
    outbox_->Send(to_agent->peer, std::move(frame));
    return;
  }
  const auto& to_client = std::get<ToClient>(send);
  Reply(to_client.peer, to_client.request, to_client.reply);
}

void CoordinatorLoop::Reply(Peer peer, uint64_t number,
                            const ClientReply& reply) {
  std::optional<Asker> watcher;
  if (!open_submissions_.empty()) {
    const auto open = open_submissions_.find({peer, number});
    if (open != open_submissions_.end()) {
      metrics_.OnSubmitted(loop_.clock().Now() - open->second.since);
      watcher = std::move(open->second.watcher);
      open_submissions_.erase(open);
    }
  }
  if (LoopDoor::IsCaller(peer)) {
    // Whoever has left hears no more of what it watched.
    if (!door_.Deliver(peer, reply)) watches_.Drop(peer);
    return;
  }
  std::string frame = EncodeReply(reply, number);
  metrics_.OnFrameOut(frame);
  outbox_->Send(peer, std::move(frame));
  const auto* accepted = std::get_if<Accepted>(&reply);
  if (watcher.has_value() && accepted != nullptr) {
    WatchAccepted(*watcher, *accepted);
  }
}

void CoordinatorLoop::PublishMetrics() {
  key_metrics_.Publish(options_.keys, socket_->counters(),
                       key_sessions_.refused());
  metrics_.Publish({.core = core_.counters(),
                    .term = core_.term(),
                    .now = loop_.clock().WallNow(),
                    .socket = socket_->counters(),
                    .loop = loop_.counters(),
                    .outbox_bytes = outbox_->bytes(),
                    .staged_bytes = staging_.bytes(),
                    .watches = watches_.size()});
}

void CoordinatorLoop::SendWatches() {
  for (const ToClient& reply : watches_.TakeDue(loop_.Now())) Send(reply);
}

}  // namespace remuda

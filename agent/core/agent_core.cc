#include "agent/core/agent_core.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "jobs/items.h"
#include "jobs/job.h"

namespace remuda {
namespace {

size_t PlaceOf(ExecutorKind executor) { return static_cast<size_t>(executor); }

// What is wrong with a granted range, or OK: a coordinator is not trusted with
// this process.
absl::Status CheckRange(const JobWork& work, const GrantedRange& range) {
  const uint64_t total = TaskCount(work.job.tasks);
  if (range.tasks.first > total || range.tasks.count > total ||
      range.tasks.first + range.tasks.count > total) {
    return absl::InvalidArgumentError("the grant names tasks beyond the job's");
  }
  if (IsComputed(work.job.tasks)) return absl::OkStatus();
  const auto lines = static_cast<uint64_t>(
      std::count(range.items.begin(), range.items.end(), '\n'));
  if (lines == range.tasks.count) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the grant carries " + std::to_string(lines) + " items for " +
      std::to_string(range.tasks.count) + " tasks");
}

std::string Text(Duration duration) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (ms % 1000 == 0) return std::to_string(ms / 1000) + " s";
  return std::to_string(ms) + " ms";
}

// Why the attempt did not end by itself, before what the executor says of it.
std::string ErrorOf(const RunningAttempt& running, Ending ending,
                    std::string error) {
  std::string why;
  if (ending == Ending::kTimeout && running.reason == StopReason::kTimeout) {
    why = "stopped after its timeout of " + Text(running.timeout);
    if (running.forced) why += "; it did not heed that and was killed";
  } else if (ending == Ending::kCancelled && running.forced) {
    why = "cancelled; it did not heed that and was killed";
  } else if (ending == Ending::kEvicted &&
             running.reason == StopReason::kEvicted) {
    why = "stopped because its agent was drained";
  } else if (ending == Ending::kEvicted &&
             running.reason == StopReason::kLeaseOver) {
    why = "stopped because its agent lost touch with the coordinator";
  }
  if (why.empty()) return error;
  return error.empty() ? why : why + " (" + error + ")";
}

}  // namespace

AgentCore::AgentCore(AgentCoreOptions options)
    : options_(std::move(options)),
      registration_(RunningAttempts::kKillGrace, options_.backoff_spread,
                    options_.start),
      pace_(options_.limits.results_pace) {
  for (const ExecutorOffer& offer : options_.executors) {
    std::optional<Lane>& lane = lanes_[PlaceOf(offer.kind)];
    CHECK(!lane.has_value());
    lane = Lane{.slots = offer.slots,
                .credit = CreditPlanner(offer.slots),
                .begun = BegunMark(offer.slots)};
  }
}

AgentCore::Lane* AgentCore::LaneOf(ExecutorKind executor) {
  const size_t place = PlaceOf(executor);
  if (place >= lanes_.size() || !lanes_[place].has_value()) return nullptr;
  return &*lanes_[place];
}

void AgentCore::Note(bool is_warning, std::string code, std::string text) {
  output_.notes.push_back({.is_warning = is_warning,
                           .code = std::move(code),
                           .text = std::move(text)});
}

void AgentCore::OnConnected(MonotonicTime now) {
  ++counters_.hello_connected;
  registration_.OnConnected(now);
}

void AgentCore::OnDisconnected(MonotonicTime /*now*/) {
  registration_.OnDisconnected();
  Note(true, "coordinator_lost", "the connection to the coordinator broke");
}

void AgentCore::OnMessage(const AgentTime& now, CoordinatorMessage message) {
  if (over_) return;
  // Between a Hello and its Welcome there is no session: whatever else comes
  // was meant for the one before.
  const bool opens = std::holds_alternative<Welcome>(message) ||
                     std::holds_alternative<Refusal>(message);
  if (!opens && !registration_.registered()) return;
  std::visit([this, &now](auto& of_kind) { On(now, of_kind); }, message);
}

void AgentCore::On(const AgentTime& now, const Welcome& welcome) {
  if (!registration_.Awaits(welcome)) return;
  if (IsOtherHistory(welcome)) {
    if (heir_) {
      DisownInherited(now.monotonic);
      return;
    }
    over_ = true;
    output_.ended = absl::FailedPreconditionError(
        "the coordinator's state is not the one that this agent worked for: "
        "its data folder is new, or was restored from an older copy; start "
        "the agent again");
    return;
  }
  generation_ = welcome.generation;
  term_ = welcome.term;
  heir_ = false;
  // Each session defines its jobs anew, and the number may be another job's
  // if the coordinator's state was restored.
  definitions_.Clear();
  registration_.OnWelcome(now.monotonic, welcome);
  last_grant_ = 0;
  outbox_.SendAgain();
  for (const FencedRange& range : welcome.fenced) {
    Fence(now.monotonic, range);
  }
  Note(false, "registered",
       "registered as agent " + std::to_string(welcome.agent.value) +
           " in term " + std::to_string(welcome.term.value));
}

// Under the same numbers such a coordinator means other jobs, tasks and
// fences, so that nothing done or held here may be told it.
bool AgentCore::IsOtherHistory(const Welcome& welcome) const {
  return welcome.term < term_ ||
         (!generation_.empty() && welcome.generation != generation_);
}

// Nothing else is held yet, and the Hello that listed it must not stand.
void AgentCore::DisownInherited(MonotonicTime now) {
  Note(true, "inherited_results_dropped",
       "the results that an earlier process left are of another state of the "
       "coordinator: " +
           std::to_string(outbox_.unacked()) + " messages dropped");
  heir_ = false;
  generation_.clear();
  term_ = Term{};
  outbox_.DropAll();
  held_ = HeldTasks();
  handed_back_ = HeldTasks();
  registration_.SayHelloAgain(now, /*at_once=*/true);
}

void AgentCore::On(const AgentTime& now, const Refusal& refusal) {
  switch (refusal.code) {
    case Refusal::Code::kUnknownSession:
      // Between Hello and Welcome this answers something older.
      if (!registration_.registered()) return;
      ++counters_.hello_refused;
      registration_.SayHelloAgain(now.monotonic, /*at_once=*/true);
      Note(false, "session_unknown", "the coordinator asks for a new Hello");
      return;
    case Refusal::Code::kBusy:
    case Refusal::Code::kMalformed:
      ++counters_.hello_busy;
      registration_.SayHelloAgain(now.monotonic, /*at_once=*/false);
      Note(true, "refused", refusal.reason);
      return;
    case Refusal::Code::kVersion:
    case Refusal::Code::kForbidden:
      over_ = true;
      output_.ended = absl::FailedPreconditionError(
          "the coordinator refuses this agent: " + refusal.reason);
      return;
    case Refusal::Code::kSuperseded:
      over_ = true;
      output_.ended = absl::AbortedError(refusal.reason);
      return;
  }
}

void AgentCore::On(const AgentTime& now, const HeartbeatAck& ack) {
  output_.heartbeat_round_trip =
      registration_.OnHeartbeatAck(now.monotonic, ack.sequence);
  if (!output_.heartbeat_round_trip.has_value() || ack.at == WallTime{}) return;
  output_.clock_offset = now.wall - *output_.heartbeat_round_trip / 2 - ack.at;
}

void AgentCore::On(const AgentTime& now, Grant& grant) {
  if (grant.sequence <= last_grant_) return;  // came twice
  bool is_lost = grant.sequence != last_grant_ + 1;
  last_grant_ = grant.sequence;
  ++counters_.grants;
  for (const JobDefinition& definition : grant.definitions) {
    definitions_.Define(definition);
  }
  for (GrantedRange& range : grant.ranges) {
    if (!Accept(now, range)) is_lost = true;
  }
  definitions_.Trim([this](JobId job) { return held_.HoldsJob(job); });
  if (!is_lost) return;
  // The Hello lists what did arrive, so the coordinator sees the rest.
  ++counters_.hello_grant_lost;
  registration_.SayHelloAgain(now.monotonic, /*at_once=*/true);
  Note(true, "grant_lost", "a grant or a job's definition did not arrive");
}

// False if the job is not known here; then nothing of the range is held.
bool AgentCore::Accept(const AgentTime& now, GrantedRange& range) {
  if (range.tasks.count == 0) return true;
  absl::StatusOr<std::shared_ptr<const JobWork>> work =
      definitions_.Find(range.job);
  if (absl::IsNotFound(work.status())) return false;
  absl::Status usable = work.status();
  if (usable.ok()) usable = CheckRange(**work, range);

  const FencedRange named = {
      .job = range.job, .tasks = range.tasks, .fence = range.fence};
  const std::vector<IndexRange> parts = held_.Add(named);
  uint64_t fresh = 0;
  for (const IndexRange& part : parts) fresh += part.count;
  counters_.granted_tasks += fresh;
  counters_.duplicate_tasks += range.tasks.count - fresh;

  Lane* lane = LaneOf(range.executor);
  if (lane != nullptr) {
    lane->credit.OnGranted(lane->waiting.size(), running_.size(range.executor),
                           fresh);
  }
  if (!usable.ok()) {
    for (const IndexRange& part : parts) {
      Fail(now, range.executor,
           {.job = range.job, .tasks = part, .fence = range.fence},
           std::string(usable.message()));
    }
    return true;
  }
  WaitingRange waiting = {.work = *std::move(work),
                          .key = definitions_.KeyOf(range.job),
                          .tasks = range.tasks,
                          .fence = range.fence,
                          .granted_at = now.monotonic};
  if (!IsComputed(waiting.work->job.tasks)) {
    waiting.items = std::make_shared<const std::string>(std::move(range.items));
  }
  for (const IndexRange& part : parts) {
    AcceptNew(waiting, part, range.executor);
  }
  return true;
}

void AgentCore::AcceptNew(const WaitingRange& range, const IndexRange& part,
                          ExecutorKind executor) {
  Lane* lane = LaneOf(executor);
  if (lane == nullptr || drain_deadline_.has_value()) {
    HandBack(executor,
             {.job = range.work->id, .tasks = part, .fence = range.fence},
             Ending::kEvicted);
    return;
  }
  lane->waiting.Push(part == range.tasks ? range : SliceOf(range, part));
}

void AgentCore::Fail(const AgentTime& now, ExecutorKind executor,
                     const FencedRange& tasks, const std::string& why) {
  pace_.OnEnded(ResultsPace::Haste::kAwaited);
  for (uint64_t i = 0; i < tasks.tasks.count; ++i) {
    results_.Add(executor, tasks.job,
                 {.task = tasks.tasks.first + i,
                  .fence = tasks.fence,
                  .ending = Ending::kError,
                  .ended_at = now.wall,
                  .error = why});
  }
}

void AgentCore::HandBack(ExecutorKind executor, const FencedRange& tasks,
                         Ending ending) {
  if (PlaceOf(executor) < counters_.executors.size()) {
    counters_.executors[PlaceOf(executor)].not_started += tasks.tasks.count;
  }
  handed_back_.Add(tasks);
  pace_.OnEnded(ResultsPace::Haste::kAwaited);
  results_.AddNotStarted(executor, tasks, ending);
}

// What has begun runs on; whether it did is what the coordinator asks.
void AgentCore::Retract(MonotonicTime now, const StopTasks& stop) {
  for (size_t place = 0; place < lanes_.size(); ++place) {
    if (!lanes_[place].has_value()) continue;
    Lane& lane = *lanes_[place];
    uint64_t retracted = 0;
    for (const StopTasks::Item& item : stop.items) {
      std::vector<IndexRange> ranges = item.tasks;
      if (item.whole_job) ranges = {{.first = 0, .count = UINT64_MAX}};
      for (const IndexRange& tasks : ranges) {
        if (tasks.count > UINT64_MAX - tasks.first) continue;  // hostile
        for (const FencedRange& gone :
             lane.waiting.RemoveTasks(item.job, tasks, std::nullopt)) {
          retracted += gone.tasks.count;
          HandBack(static_cast<ExecutorKind>(place), gone, Ending::kEvicted);
        }
      }
    }
    counters_.executors[place].retracted += retracted;
    if (retracted > 0) lane.credit.Forget(now);
  }
}

void AgentCore::On(const AgentTime& now, const StopTasks& stop) {
  if (stop.reason == StopTasks::Reason::kRetracted) {
    Retract(now.monotonic, stop);
    return;
  }
  for (const StopTasks::Item& item : stop.items) {
    std::vector<IndexRange> ranges = item.tasks;
    if (item.whole_job) ranges = {{.first = 0, .count = UINT64_MAX}};
    const bool is_fence = stop.reason == StopTasks::Reason::kFenced;
    for (const IndexRange& tasks : ranges) {
      if (tasks.count > UINT64_MAX - tasks.first) continue;  // hostile
      for (size_t place = 0; place < lanes_.size(); ++place) {
        if (!lanes_[place].has_value()) continue;
        WaitingWork& waiting = lanes_[place]->waiting;
        for (const FencedRange& gone :
             waiting.RemoveTasks(item.job, tasks, std::nullopt)) {
          if (is_fence) {
            held_.Remove(gone);
          } else {
            HandBack(static_cast<ExecutorKind>(place), gone,
                     Ending::kCancelled);
          }
        }
      }
      // The last first, as those would begin when others end.
      std::vector<AttemptId> ids =
          running_.OfJob(item.job, tasks, std::nullopt);
      std::reverse(ids.begin(), ids.end());
      for (const AttemptId& id : ids) {
        if (is_fence) {
          Fence(now.monotonic,
                {.job = id.job, .tasks = {id.task, 1}, .fence = id.fence});
        } else {
          running_.Ask(id, StopReason::kCancelled, now.monotonic);
        }
      }
    }
  }
}

void AgentCore::On(const AgentTime& now, const ResultsAck& ack) {
  if (ack.up_to > outbox_.acked_up_to()) ack_progress_at_ = now.monotonic;
  for (const FencedRange& settled : outbox_.OnAck(ack.up_to)) {
    held_.Remove(settled);
    if (handed_back_.size() > 0) handed_back_.Remove(settled);
  }
}

void AgentCore::Fence(MonotonicTime now, const FencedRange& tasks) {
  for (std::optional<Lane>& lane : lanes_) {
    if (!lane.has_value()) continue;
    for (const FencedRange& gone :
         lane->waiting.RemoveTasks(tasks.job, tasks.tasks, tasks.fence)) {
      held_.Remove(gone);
    }
  }
  for (const AttemptId& id :
       running_.OfJob(tasks.job, tasks.tasks, tasks.fence)) {
    held_.Remove({.job = id.job, .tasks = {id.task, 1}, .fence = id.fence});
    if (running_.Ask(id, StopReason::kFenced, now)) ++counters_.fenced_attempts;
  }
}

// The coordinator may have given these tasks to others, or may not have missed
// this agent at all: so each is reported, and it decides.
void AgentCore::SelfFence(MonotonicTime now) {
  registration_.EndLease();
  uint64_t waiting = 0;
  for (size_t place = 0; place < lanes_.size(); ++place) {
    if (!lanes_[place].has_value()) continue;
    for (const FencedRange& gone : lanes_[place]->waiting.RemoveAll()) {
      waiting += gone.tasks.count;
      HandBack(static_cast<ExecutorKind>(place), gone, Ending::kEvicted);
    }
  }
  uint64_t stopped = 0;
  for (const AttemptId& id : running_.All()) {
    if (running_.Ask(id, StopReason::kLeaseOver, now)) ++stopped;
  }
  if (waiting == 0 && stopped == 0) return;
  ++counters_.self_fences;
  counters_.fenced_attempts += stopped;
  Note(true, "self_fenced",
       "the lease was not renewed in time: stopped " + std::to_string(stopped) +
           " attempts, gave up " + std::to_string(waiting) + " waiting tasks");
}

void AgentCore::OnOutcomes(const AgentTime& now, ExecutorKind executor,
                           std::vector<Outcome> outcomes) {
  if (outcomes.empty()) return;
  Lane* lane = LaneOf(executor);
  struct {
    WorkKey work;
    uint64_t count = 0;
    Duration wall = Duration::zero();
  } alike;
  const auto count = [&] {
    counters_.executors[PlaceOf(executor)].busy += alike.wall;
    if (lane == nullptr || alike.count == 0) return;
    lane->credit.OnEnded(now.monotonic, alike.work, alike.count, alike.wall);
  };
  for (Outcome& outcome : outcomes) {
    const std::optional<RunningAttempt> running = running_.Take(outcome.id);
    if (!running.has_value()) {
      ++counters_.unknown_outcomes;
      if (!outcome.log_path.empty()) {
        output_.folders_to_delete.push_back(std::move(outcome.log_path));
      }
      continue;
    }
    if (running->work != alike.work) {
      count();
      alike = {.work = running->work};
    }
    if (lane != nullptr) {
      lane->begun.OnEnded(outcome.id, outcome.started);
      begun_untold_ |= lane->begun.TakeMoved();
    }
    // A time that was up would be up again.
    if (!outcome.started && running->reason != StopReason::kTimeout) {
      if (lane != nullptr) lane->credit.OnNotStarted(running->work, 1);
      EndedInLine(*running, outcome);
      continue;
    }
    ++alike.count;
    alike.wall += outcome.wall;
    findings_.ForgetProgress(outcome.id.job, outcome.id.task);
    EndedAttempt(now, *running, std::move(outcome));
  }
  count();
}

// What its executor held and never began costs the task nothing.
void AgentCore::EndedInLine(const RunningAttempt& running,
                            const Outcome& outcome) {
  if (running.reason == StopReason::kFenced) return;
  HandBack(running.executor,
           {.job = outcome.id.job,
            .tasks = {outcome.id.task, 1},
            .fence = outcome.id.fence},
           JudgedEnding(running, outcome));
}

void AgentCore::EndedAttempt(const AgentTime& now,
                             const RunningAttempt& running, Outcome outcome) {
  const Ending ending = JudgedEnding(running, outcome);
  ++counters_.executors[PlaceOf(running.executor)]
        .ended[static_cast<size_t>(ending)];
  if (running.reason == StopReason::kFenced) {
    if (!outcome.log_path.empty()) {
      output_.folders_to_delete.push_back(std::move(outcome.log_path));
    }
    return;
  }
  AttemptRecord record = {.task = outcome.id.task,
                          .fence = outcome.id.fence,
                          .ending = ending,
                          .exit_code = outcome.exit_code,
                          .ended_at = now.wall,
                          .wall = outcome.wall,
                          .output = std::move(outcome.output),
                          .error = std::move(outcome.error),
                          .usage = outcome.usage};
  if (running.reason != StopReason::kNone) {
    record.error = ErrorOf(running, ending, std::move(record.error));
  }
  if (outcome.log_path.empty()) {
    // A job's last tasks, or what is not short, someone may wait for.
    const Lane* lane = LaneOf(running.executor);
    const bool more_is_due = lane != nullptr &&
                             lane->waiting.by_work().contains(running.work) &&
                             lane->credit.BacklogOf(running.work) > 0;
    pace_.OnEnded(more_is_due ? ResultsPace::Haste::kMoreIsDue
                              : ResultsPace::Haste::kAwaited);
    results_.Add(running.executor, outcome.id.job, std::move(record));
  } else {
    uploads_.Add(running.executor, outcome.id.job, std::move(record),
                 std::move(outcome.log_path));
  }
}

void AgentCore::OnStartRefused(const AgentTime& now, StartAttempts batch,
                               const absl::Status& why) {
  Note(true, "start_refused", std::string(why.message()));
  for (const Attempt& attempt : batch.attempts) {
    const std::optional<RunningAttempt> running = running_.Take(attempt.id);
    if (!running.has_value()) continue;
    if (Lane* lane = LaneOf(batch.executor); lane != nullptr) {
      lane->credit.OnNotStarted(running->work, 1);
      lane->begun.OnEnded(attempt.id, /*started=*/false);
    }
    const FencedRange named = {.job = attempt.id.job,
                               .tasks = {attempt.id.task, 1},
                               .fence = attempt.id.fence};
    if (running->reason == StopReason::kFenced) continue;
    if (absl::IsInvalidArgument(why)) {
      Fail(now, batch.executor, named, std::string(why.message()));
    } else {
      HandBack(batch.executor, named, Ending::kEvicted);
    }
  }
}

}  // namespace remuda

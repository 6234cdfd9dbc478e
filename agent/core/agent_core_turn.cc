// The second half of AgentCore: what follows from time, and the output of a
// turn. Kept apart because the inputs alone fill a source file.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "agent/core/agent_core.h"

namespace remuda {

void AgentCore::OnLogRead(LogRead read) {
  std::optional<LogChunk> chunk = uploads_.OnRead(std::move(read));
  MoveLogs();
  if (!chunk.has_value()) return;
  ++counters_.log_chunks;
  chunk->sequence = outbox_.Append(turn_at_, {});
  output_.spool.push_back(*std::move(chunk));
}

void AgentCore::Inherit(MonotonicTime now, InheritedResults inherited) {
  if (inherited.messages.empty()) return;
  heir_ = true;
  generation_ = std::move(inherited.generation);
  term_ = inherited.term;
  outbox_.StartAt(inherited.first);
  for (InheritedResults::Message& message : inherited.messages) {
    for (const FencedRange& tasks : message.ended) held_.Add(tasks);
    for (const FencedRange& tasks : message.not_started) {
      held_.Add(tasks);
      handed_back_.Add(tasks);
      message.ended.push_back(tasks);
    }
    outbox_.Append(now, std::move(message.ended));
  }
  Note(false, "results_inherited",
       std::to_string(outbox_.unacked()) +
           " messages of results were left by an earlier process");
}

Duration AgentCore::KeepPatience() const {
  return registration_.registered() ? kKeepPatience : kKeepPatienceApart;
}

// Asks once in the patience, not for every message, as nearly all are acked
// long before.
void AgentCore::KeepOld(MonotonicTime now, AgentOutput& output) {
  const std::optional<MonotonicTime> since = outbox_.unkept_since();
  if (!since.has_value()) {
    if (keep_at_.has_value() && now >= *keep_at_) keep_at_.reset();
  } else {
    const MonotonicTime due = *since + KeepPatience();
    if (!keep_at_.has_value() || *keep_at_ > now + KeepPatience()) {
      keep_at_ = std::max(due, now);
    }
    if (now >= *keep_at_) {
      keep_up_to_ =
          outbox_.TakeKeepable(now - KeepPatience()).value_or(keep_up_to_);
      const std::optional<MonotonicTime> left = outbox_.unkept_since();
      keep_at_.reset();
      if (left.has_value()) keep_at_ = *left + KeepPatience();
    }
  }
  output.keep_up_to = keep_up_to_;
}

void AgentCore::MoveLogs() {
  for (LogUploads::Finished& done : uploads_.TakeFinished()) {
    output_.folders_to_delete.push_back(std::move(done.folder));
    pace_.OnEnded(ResultsPace::Haste::kAwaited);
    results_.Add(done.executor, done.job, std::move(done.record));
  }
}

void AgentCore::OnDrain(MonotonicTime now, MonotonicTime deadline) {
  if (drain_deadline_.has_value()) {
    drain_deadline_ = std::min(*drain_deadline_, deadline);
    return;
  }
  drain_deadline_ = std::max(now, deadline);
  uint64_t waiting = 0;
  for (size_t place = 0; place < lanes_.size(); ++place) {
    if (!lanes_[place].has_value()) continue;
    for (const FencedRange& gone : lanes_[place]->waiting.RemoveAll()) {
      waiting += gone.tasks.count;
      HandBack(static_cast<ExecutorKind>(place), gone, Ending::kEvicted);
    }
  }
  Note(false, "draining",
       "takes no more work; " + std::to_string(running_.size()) +
           " attempts may end, " + std::to_string(waiting) +
           " waiting tasks are handed back");
}

void AgentCore::OnTime(MonotonicTime now) {
  if (over_) return;
  if (registration_.fence_time().has_value() &&
      now >= *registration_.fence_time()) {
    SelfFence(now);
  }
  if (registration_.IsSilent(now)) {
    ++counters_.hello_silent;
    registration_.SayHelloAgain(now, /*at_once=*/true);
    Note(true, "coordinator_silent", "no answer to several heartbeats");
  } else if (registration_.registered() && outbox_.in_flight() > 0 &&
             now - ack_progress_at_ > kAckPatience) {
    ++counters_.hello_silent;
    registration_.SayHelloAgain(now, /*at_once=*/true);
    Note(true, "results_not_acked", "sends the results once more");
  }
  if (drain_deadline_.has_value() && !evicting_ &&
      now >= *drain_deadline_ - RunningAttempts::kKillGrace) {
    evicting_ = true;
    for (const AttemptId& id : running_.All()) {
      running_.Ask(id, StopReason::kEvicted, now);
    }
  }
  ShedBacklogs(now);
  running_.OnTime(now);
}

std::optional<MonotonicTime> AgentCore::ShedTime(const Lane& lane) const {
  if (lane.waiting.size() <= lane.slots || !takes_work() ||
      !registration_.registered()) {
    return std::nullopt;
  }
  return *lane.waiting.oldest() + options_.limits.wait_max;
}

// A backlog hides a round trip. One that hides much more keeps tasks from
// agents that have nothing to do, and others from their turn.
void AgentCore::ShedBacklogs(MonotonicTime now) {
  for (size_t place = 0; place < lanes_.size(); ++place) {
    if (!lanes_[place].has_value()) continue;
    Lane& lane = *lanes_[place];
    const std::optional<MonotonicTime> due = ShedTime(lane);
    if (!due.has_value() || now < *due) continue;
    const uint64_t beyond = lane.waiting.size() - lane.slots;
    for (const FencedRange& gone : lane.waiting.RemoveBeyond(lane.slots)) {
      HandBack(static_cast<ExecutorKind>(place), gone, Ending::kEvicted);
    }
    counters_.executors[place].shed += beyond;
    lane.credit.Forget(now);
    Note(false, "backlog_shed",
         "hands back " + std::to_string(beyond) +
             " tasks, which have waited longer than a backlog should");
  }
}

bool AgentCore::takes_work() const {
  // A grant that was read late may be another agent's by now; it waits until
  // the lease is known to go on.
  const bool has_lease = registration_.fence_time().has_value();
  return has_lease && !drain_deadline_.has_value() && !spool_is_full_ &&
         outbox_.ranges() < options_.limits.unacked_ranges_max;
}

uint64_t AgentCore::CreditOf(const Lane& lane) const {
  if (!takes_work()) return 0;
  return std::min(lane.credit.tasks(lane.waiting.by_work()),
                  options_.limits.credit_max);
}

bool AgentCore::CreditIsNews() const {
  for (const std::optional<Lane>& lane : lanes_) {
    if (!lane.has_value()) continue;
    if (lane->credit.IsNews(CreditOf(*lane))) return true;
  }
  return false;
}

AgentOutput AgentCore::TakeOutput(MonotonicTime now,
                                  const ExecutorCapacities& room) {
  AgentOutput output = std::exchange(output_, {});
  turn_at_ = now;
  // In the grace, so that what heeds the request to stop is not killed.
  if (const auto fence = registration_.fence_time();
      fence.has_value() && *fence + kLeaseGrace != lease_end_) {
    lease_end_ = output.lease_end = *fence + kLeaseGrace;
  }
  if (over_) return output;
  StartWork(now, room, output);
  // Apart from the coordinator they move to where they are safe.
  const bool uploads = registration_.registered()
                           ? outbox_.unacked() < Outbox::kWindow
                           : !spool_is_full_;
  if (uploads) {
    if (std::optional<ReadLog> read = uploads_.TakeRead(); read.has_value()) {
      output.reads.push_back(*std::move(read));
    }
  }
  PackResults(now, output);
  output.release_up_to = outbox_.acked_up_to();
  KeepOld(now, output);
  if (registration_.HelloDue(now)) SendHello(now, output);
  const bool drain_is_news =
      drain_deadline_.has_value() && !was_draining_announced_;
  const bool begun_is_news =
      begun_untold_ && handed_back_.size() == 0 &&
      (!begun_told_at_.has_value() ||
       now >= *begun_told_at_ + options_.limits.begun_pause);
  if (registration_.HeartbeatDue(now) ||
      (registration_.registered() &&
       (CreditIsNews() || drain_is_news || begun_is_news))) {
    SendHeartbeat(now, output);
  }
  if (registration_.registered()) {
    TellFindings(now, output);
    if (outbox_.in_flight() == 0) ack_progress_at_ = now;
    output.send_spooled = outbox_.TakeSendable();
  }
  output.stops = running_.TakeStops();
  CheckDrained(now);
  if (output_.ended.has_value()) {
    output.ended = std::exchange(output_.ended, std::nullopt);
    output.goodbye = std::exchange(output_.goodbye, std::nullopt);
  }
  for (AgentNote& note : output_.notes) output.notes.push_back(note);
  output_.notes.clear();
  return output;
}

void AgentCore::SendHello(MonotonicTime now, AgentOutput& output) {
  ++counters_.hellos;
  Hello hello = {.version = options_.version,
                 .name = options_.name,
                 .instance = options_.instance,
                 .process = options_.process,
                 .executors = options_.executors,
                 .job_types = options_.job_types,
                 .labels = options_.labels,
                 .memory_bytes = options_.memory_bytes,
                 .held = held_.List(),
                 .waiting = {},
                 .draining = drain_deadline_.has_value(),
                 .number = registration_.OnHelloSent(now),
                 .results_first = outbox_.acked_up_to() + 1,
                 .says_backlogs = true};
  if (hello.held.size() > options_.limits.held_ranges_max) {
    for (std::optional<Lane>& lane : lanes_) {
      if (!lane.has_value()) continue;
      for (const FencedRange& gone : lane->waiting.RemoveAll()) {
        held_.Remove(gone);
      }
    }
    hello.held = held_.List();
  }
  for (const std::optional<Lane>& lane : lanes_) {
    if (!lane.has_value()) continue;
    for (const FencedRange& range : lane->begun.Waiting()) {
      hello.waiting.push_back(range);
    }
    for (const FencedRange& range : lane->waiting.List()) {
      hello.waiting.push_back(range);
    }
  }
  for (const FencedRange& range : handed_back_.List()) {
    hello.waiting.push_back(range);
  }
  ToldBegun(now);
  output.send.push_back(std::move(hello));
}

std::vector<LastBegun> AgentCore::Begun() const {
  std::vector<LastBegun> all;
  // What stood before the last one in its line and never began would seem to
  // have, until the coordinator has recorded that it was handed back.
  if (handed_back_.size() > 0) return all;
  for (size_t place = 0; place < lanes_.size(); ++place) {
    if (!lanes_[place].has_value()) continue;
    const std::optional<AttemptId>& last = lanes_[place]->begun.last();
    if (!last.has_value()) continue;
    all.push_back(
        {.executor = static_cast<ExecutorKind>(place), .attempt = *last});
  }
  return all;
}

void AgentCore::ToldBegun(MonotonicTime now) {
  if (!begun_untold_ || handed_back_.size() > 0) return;
  begun_told_at_ = now;
  begun_untold_ = false;
}

void AgentCore::SendHeartbeat(MonotonicTime now, AgentOutput& output) {
  ++counters_.heartbeats;
  const bool is_regular = registration_.HeartbeatDue(now);
  const auto pace =
      is_regular ? Registration::Pace::kRegular : Registration::Pace::kExtra;
  Heartbeat heartbeat = {.sequence = registration_.OnHeartbeatSent(now, pace),
                         .last_grant = last_grant_,
                         .begun = Begun(),
                         .held_tasks = held_.size(),
                         .loop_lag = loop_lag_,
                         .draining = drain_deadline_.has_value()};
  for (size_t place = 0; place < lanes_.size(); ++place) {
    if (!lanes_[place].has_value()) continue;
    CreditPlanner& credit = lanes_[place]->credit;
    if (is_regular) credit.Fade();
    const uint64_t tasks = CreditOf(*lanes_[place]);
    credit.OnAnnounced(tasks);
    heartbeat.credits.push_back(
        {.executor = static_cast<ExecutorKind>(place), .tasks = tasks});
    const std::vector<Backlog> backlogs =
        credit.backlogs(static_cast<ExecutorKind>(place));
    heartbeat.backlogs.insert(heartbeat.backlogs.end(), backlogs.begin(),
                              backlogs.end());
  }
  was_draining_announced_ = drain_deadline_.has_value();
  ToldBegun(now);
  output.send.push_back(std::move(heartbeat));
}

void AgentCore::StartWork(MonotonicTime now, const ExecutorCapacities& room,
                          AgentOutput& output) {
  more_to_start_ = false;
  // A full spool must not get fuller.
  if (!takes_work()) return;
  for (size_t place = 0; place < lanes_.size(); ++place) {
    if (!lanes_[place].has_value() || room[place] == 0) continue;
    Lane& lane = *lanes_[place];
    const auto executor = static_cast<ExecutorKind>(place);
    const size_t running = running_.size(executor);
    WaitingWork::Taken taken = lane.waiting.Take(
        {.attempts = std::min(room[place], options_.limits.starts_max),
         .slots = static_cast<size_t>(
             lane.slots - std::min<uint64_t>(lane.slots, running))});
    if (taken.attempts.empty()) continue;
    more_to_start_ |= taken.attempts.size() == options_.limits.starts_max &&
                      lane.waiting.size() > 0;
    KeepStartable(now, executor, taken);
    counters_.executors[place].started += taken.attempts.size();
    for (const WaitingWork::Taken::Granted& of : taken.granted) {
      counters_.executors[place].start_delay.Observe(now - of.at, of.attempts);
    }
    if (taken.attempts.empty()) continue;
    for (const Attempt& attempt : taken.attempts) {
      lane.begun.OnGiven(attempt.id);
    }
    begun_untold_ |= lane.begun.TakeMoved();
    output.starts.push_back(
        {.executor = executor, .attempts = std::move(taken.attempts)});
  }
}

// Notes the attempts as running. One that has not stopped since it was fenced
// cannot run a second time under the same name, and goes back.
void AgentCore::KeepStartable(MonotonicTime now, ExecutorKind executor,
                              WaitingWork::Taken& taken) {
  std::vector<Attempt>& attempts = taken.attempts;
  size_t kept = 0;
  size_t at = 0;
  for (const WaitingWork::Taken::Granted& alike : taken.granted) {
    const size_t kept_before = kept;
    for (const size_t end = at + alike.attempts; at < end; ++at) {
      Attempt& attempt = attempts[at];
      const AttemptId& id = attempt.id;
      if (!running_.Add(id, executor, now, attempt.work->job.timeout,
                        alike.work)) {
        HandBack(executor,
                 {.job = id.job, .tasks = {id.task, 1}, .fence = id.fence},
                 Ending::kEvicted);
        continue;
      }
      if (at != kept) attempts[kept] = std::move(attempt);
      ++kept;
    }
    if (kept == kept_before) continue;
    LaneOf(executor)->credit.OnStarted(now, alike.work, kept - kept_before);
  }
  attempts.resize(kept);
}

void AgentCore::PackResults(MonotonicTime now, AgentOutput& output) {
  if (results_.empty()) return;
  pace_.OnGathered(now);
  // Ends gather while the coordinator owes an ack, or while more of the same
  // are due, so that one commit over there confirms many of them.
  const bool leaves =
      (outbox_.unacked() == 0 && !(takes_work() && pace_.MayWait(now))) ||
      results_.batches() >= options_.limits.batches_max ||
      results_.bytes() >= options_.limits.pending_bytes_max ||
      now - *pace_.since() >= KeepPatience();
  if (!leaves) return;
  pace_.OnPacked(now);
  if (outbox_.unacked() == 0 && registration_.registered()) ToldBegun(now);
  for (ResultsBuilder::Message& message : results_.Take()) {
    ++counters_.result_messages;
    counters_.result_batches += message.batches.size();
    const uint64_t sequence = outbox_.Append(now, std::move(message.settles));
    output.spool.push_back(Results{.sequence = sequence,
                                   .batches = std::move(message.batches),
                                   .begun = Begun()});
  }
}

// Before the results of their job: with the last of these the job ends, and
// nothing more is taken of it.
void AgentCore::TellFindings(MonotonicTime now, AgentOutput& output) {
  std::set<JobId> ending;
  for (const AgentMessage& message : output.spool) {
    const auto* results = std::get_if<Results>(&message);
    if (results == nullptr) continue;
    for (const EndedBatch& batch : results->batches) ending.insert(batch.job);
  }
  std::optional<Findings> findings = findings_.TakeDue(now, ending);
  if (findings.has_value()) output.send.push_back(*std::move(findings));
}

void AgentCore::OnFindings(std::vector<Finding> findings) {
  for (Finding& finding : findings) {
    if (finding.progress.has_value()) {
      findings_.AddProgress(finding);
      continue;
    }
    const JobId job = finding.job;
    const FindingsBook::Added added = findings_.Add(std::move(finding));
    const auto code = std::find(kFindingCodes.begin(), kFindingCodes.end() - 1,
                                added.finding.code);
    counters_.findings[static_cast<size_t>(code - kFindingCodes.begin())] +=
        added.sightings;
    if (!added.is_new) continue;
    const std::string task =
        added.finding.task.has_value()
            ? ", task " + std::to_string(*added.finding.task)
            : "";
    Note(true, "finding",
         "job " + std::to_string(job.value) + task + ": " +
             ToText(added.finding));
  }
}

void AgentCore::CheckDrained(MonotonicTime now) {
  if (!drain_deadline_.has_value() || over_) return;
  const bool is_done = running_.size() == 0 && uploads_.empty() &&
                       results_.empty() && outbox_.unacked() == 0;
  if (!is_done && now < *drain_deadline_ + kFlushMax) return;
  over_ = true;
  output_.ended = absl::OkStatus();
  if (registration_.registered()) {
    output_.goodbye =
        Goodbye{.reason = is_done ? "drained" : "drained out of time"};
  }
  Note(!is_done, "drained",
       is_done ? "everything is settled; the agent leaves"
               : "the agent leaves " + std::to_string(held_.size()) +
                     " tasks unsettled");
}

std::optional<MonotonicTime> AgentCore::next_time() const {
  if (over_) return std::nullopt;
  if (more_to_start_) return MonotonicTime::min();
  std::optional<MonotonicTime> next = registration_.next_time();
  const auto sooner = [&next](std::optional<MonotonicTime> time) {
    if (!time.has_value()) return;
    next = next.has_value() ? std::min(*next, *time) : time;
  };
  sooner(running_.next_time());
  if (pace_.since().has_value()) {
    sooner(*pace_.since() + KeepPatience());
    // An ack that is awaited brings a turn by itself.
    if (outbox_.unacked() == 0) sooner(pace_.due());
  }
  sooner(keep_at_);
  for (const std::optional<Lane>& lane : lanes_) {
    if (lane.has_value()) sooner(ShedTime(*lane));
  }
  if (registration_.registered()) sooner(findings_.next_time());
  if (begun_untold_ && handed_back_.size() == 0 && begun_told_at_.has_value() &&
      registration_.registered()) {
    sooner(*begun_told_at_ + options_.limits.begun_pause);
  }
  if (drain_deadline_.has_value()) {
    sooner(evicting_ ? *drain_deadline_ + kFlushMax
                     : *drain_deadline_ - RunningAttempts::kKillGrace);
  }
  return next;
}

AgentGauges AgentCore::gauges(MonotonicTime now) const {
  AgentGauges gauges;
  for (size_t place = 0; place < lanes_.size(); ++place) {
    if (!lanes_[place].has_value()) continue;
    const Lane& lane = *lanes_[place];
    gauges.executors[place] = {
        .slots = lane.slots,
        .running = running_.size(static_cast<ExecutorKind>(place)),
        .waiting = lane.waiting.size(),
        .credit = CreditOf(lane)};
  }
  gauges.held = held_.size();
  gauges.unacked_messages = outbox_.unacked();
  gauges.registered = registration_.registered();
  gauges.draining = drain_deadline_.has_value();
  if (registration_.fence_time().has_value()) {
    gauges.lease_margin =
        std::max(*registration_.fence_time() - now, Duration::zero());
  }
  return gauges;
}

}  // namespace remuda

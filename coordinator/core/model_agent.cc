#include "coordinator/core/model_agent.h"

#include <algorithm>
#include <variant>

namespace remuda {
namespace {

constexpr Duration kBeat = std::chrono::seconds(2);
constexpr Duration kResend = std::chrono::seconds(1);
constexpr Duration kWelcomePatience = std::chrono::seconds(5);

}  // namespace

ModelAgent::ModelAgent(Random& random, Ledger& ledger, Starts& starts,
                       const Options& options, std::string instance)
    : random_(random),
      ledger_(ledger),
      starts_(starts),
      options_(options),
      instance_(std::move(instance)),
      pace_(options.pace) {}

void ModelAgent::Connected(Peer peer, MonotonicTime now) {
  peer_ = peer;
  session_.reset();
  waits_for_welcome_ = false;
  if (lease_from_ == MonotonicTime{}) lease_from_ = now;
}

bool ModelAgent::wants_to_reconnect(MonotonicTime now) const {
  return waits_for_welcome_ && now - hello_sent_ > kWelcomePatience;
}

ModelAgent::Sent ModelAgent::Out(AgentMessage message) const {
  return {.term = term_,
          .session = session_.value_or(SessionId{}),
          .message = std::move(message)};
}

std::vector<FencedRange> ModelAgent::HeldList() const {
  std::vector<FencedRange> list;
  const auto add = [&list](JobId job, IndexRange tasks, Fence fence) {
    if (!list.empty() && list.back().job == job && list.back().fence == fence &&
        list.back().tasks.first + list.back().tasks.count == tasks.first) {
      list.back().tasks.count += tasks.count;
      return;
    }
    list.push_back({.job = job, .tasks = tasks, .fence = fence});
  };
  for (const auto& [task, fence] : held_) {
    add(task.first, {.first = task.second, .count = 1}, fence);
  }
  for (const Results& results : spool_) {
    for (const EndedBatch& batch : results.batches) {
      for (const EndingRun& run : batch.runs) {
        add(batch.job, run.tasks, run.fence);
      }
    }
  }
  return list;
}

ModelAgent::Sent ModelAgent::HelloNow(MonotonicTime now) {
  Hello hello;
  hello.name = instance_;
  hello.instance = instance_;
  hello.executors = {{.kind = ExecutorKind::kAsync, .slots = 10}};
  hello.job_types = {"noop"};
  hello.held = HeldList();
  for (const Attempt& attempt : line_) {
    if (!Waits(attempt.job, attempt.task)) continue;
    hello.waiting.push_back({.job = attempt.job,
                             .tasks = {.first = attempt.task, .count = 1},
                             .fence = attempt.fence});
  }
  for (const FencedRange& unused : HandedBack()) {
    hello.waiting.push_back(unused);
  }
  begun_untold_ = false;
  hello.number = ++hello_number_;
  hello.results_first =
      spool_.empty() ? last_results_ + 1 : spool_.front().sequence;
  waits_for_welcome_ = true;
  hello_sent_ = now;
  return Out(std::move(hello));
}

std::vector<ModelAgent::Sent> ModelAgent::Act(MonotonicTime now) {
  std::vector<Sent> sent;
  const auto lease = static_cast<double>(options_.lease.count()) * 0.99;
  if (now - lease_from_ >= Duration(static_cast<Duration::rep>(lease)) &&
      !held_.empty()) {
    // The coordinator may give these to others from now on.
    held_.clear();
    begun_.clear();
    session_.reset();
    waits_for_welcome_ = false;  // the last Hello listed what is gone
  }
  // Before it is told that they began, and in the same breath.
  StartSome();
  HandBackSome();
  FinishSome();
  if (!session_.has_value()) {
    if (!waits_for_welcome_) sent.push_back(HelloNow(now));
    return sent;
  }
  if (now >= next_beat_ || begun_untold_) {
    Heartbeat beat;
    beat.sequence = ++heartbeat_;
    while (grants_seen_.contains(beat.last_grant + 1)) ++beat.last_grant;
    beat.credits = {
        {.executor = ExecutorKind::kAsync, .tasks = options_.credit}};
    if (last_begun_.has_value() && HandedBack().empty()) {
      beat.begun = {
          {.executor = ExecutorKind::kAsync, .attempt = *last_begun_}};
    }
    begun_untold_ = false;
    beats_sent_[heartbeat_] = now;
    next_beat_ = now + kBeat;
    sent.push_back(Out(beat));
  }
  size_t from = spool_.size() - unsent_;
  if (now >= next_resend_) {
    from = 0;
    next_resend_ = now + kResend;
  }
  for (; from < spool_.size(); ++from) sent.push_back(Out(spool_[from]));
  unsent_ = 0;
  return sent;
}

bool ModelAgent::Waits(JobId job, TaskIndex task) const {
  return held_.contains({job, task}) && !begun_.contains({job, task});
}

// What never began and is not known to be recorded as such.
std::vector<FencedRange> ModelAgent::HandedBack() const {
  std::vector<FencedRange> list;
  for (const Results& results : spool_) {
    for (const EndedBatch& batch : results.batches) {
      for (const EndingRun& run : batch.runs) {
        if (run.started) continue;
        list.push_back(
            {.job = batch.job, .tasks = run.tasks, .fence = run.fence});
      }
    }
  }
  return list;
}

void ModelAgent::StartSome() {
  while (!line_.empty() && begun_.size() < options_.slots) {
    const Attempt next = line_.front();
    line_.pop_front();
    const auto held = held_.find({next.job, next.task});
    if (held == held_.end() || held->second != next.fence) continue;
    begun_.insert({next.job, next.task});
    starts_.insert({next.job, next.task, next.fence});
    last_begun_ = {.job = next.job, .task = next.task, .fence = next.fence};
    begun_untold_ = true;
  }
}

// Some of what waits, from anywhere in the line.
void ModelAgent::HandBackSome() {
  if (line_.empty() || random_.Below(20) != 0) return;
  auto at = line_.begin() + static_cast<long>(random_.Below(line_.size()));
  for (uint64_t i = random_.Below(8) + 1; i > 0 && at != line_.end(); --i) {
    const Attempt attempt = *at;
    at = line_.erase(at);
    const auto held = held_.find({attempt.job, attempt.task});
    if (held == held_.end() || held->second != attempt.fence) continue;
    held_.erase(held);
    Spool({attempt}, Ending::kEvicted, /*started=*/false);
  }
}

void ModelAgent::FinishSome() {
  if (random_.Unit() >= pace_) return;
  for (int round = 0; round < 3 && !begun_.empty(); ++round) {
    auto at = begun_.begin();
    std::advance(at, static_cast<long>(random_.Below(begun_.size())));
    const uint64_t most = random_.Below(3) == 0 ? 600 : 4;
    std::vector<Attempt> attempts;
    for (uint64_t i = random_.Below(most) + 1; i > 0 && at != begun_.end();
         --i) {
      const auto task = *at;
      const Fence fence = held_.at(task);
      if (!attempts.empty() &&
          (attempts[0].job != task.first ||
           ChunkOf(attempts[0].task) != ChunkOf(task.second))) {
        break;
      }
      attempts.push_back(
          {.job = task.first, .task = task.second, .fence = fence});
      held_.erase(task);
      at = begun_.erase(at);
    }
    const bool stopped = stopped_.contains(attempts[0].job);
    const uint64_t dice = random_.Below(100);
    Ending ending = Ending::kSucceeded;
    if (dice < 6) ending = Ending::kError;
    if (dice >= 6 && dice < 8) ending = Ending::kTimeout;
    if (dice >= 8 && dice < 10) ending = Ending::kCrash;
    if (dice == 10) ending = Ending::kOom;
    if (dice == 11) ending = Ending::kEvicted;
    if (stopped && dice > 20) ending = Ending::kCancelled;
    Spool(std::move(attempts), ending, /*started=*/true);
  }
}

void ModelAgent::Spool(std::vector<Attempt> attempts, Ending ending,
                       bool started) {
  EndedBatch batch;
  batch.job = attempts[0].job;
  batch.executor = ExecutorKind::kAsync;
  for (const Attempt& attempt : attempts) {
    if (started) {
      ledger_.insert({attempt.job, attempt.task, attempt.fence, ending});
    }
    if (!batch.runs.empty()) {
      EndingRun& last = batch.runs.back();
      if (last.fence == attempt.fence &&
          last.tasks.first + last.tasks.count == attempt.task) {
        ++last.tasks.count;
        continue;
      }
    }
    batch.runs.push_back({.tasks = {.first = attempt.task, .count = 1},
                          .fence = attempt.fence,
                          .ending = ending,
                          .exit_code = ending == Ending::kError ? 1 : 0,
                          .started = started});
  }
  Results results;
  results.sequence = ++last_results_;
  results.batches.push_back(std::move(batch));
  spool_.push_back(std::move(results));
  ++unsent_;
}

void ModelAgent::Hear(MonotonicTime now, SessionId session,
                      const CoordinatorMessage& message) {
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    Welcomed(now, *welcome);
    return;
  }
  if (!session_.has_value() || session != *session_) return;
  if (std::holds_alternative<Refusal>(message)) {
    session_.reset();
  } else if (const auto* grant = std::get_if<Grant>(&message)) {
    Granted(*grant);
  } else if (const auto* ack = std::get_if<HeartbeatAck>(&message)) {
    const auto at = beats_sent_.find(ack->sequence);
    if (at != beats_sent_.end()) {
      lease_from_ = std::max(lease_from_, at->second);
    }
  } else if (const auto* acked = std::get_if<ResultsAck>(&message)) {
    while (!spool_.empty() && spool_.front().sequence <= acked->up_to) {
      spool_.pop_front();
    }
    unsent_ = std::min(unsent_, spool_.size());
  } else if (const auto* stop = std::get_if<StopTasks>(&message)) {
    Stop(*stop);
  }
}

void ModelAgent::Welcomed(MonotonicTime now, const Welcome& welcome) {
  if (!waits_for_welcome_ || welcome.hello != hello_number_) return;
  waits_for_welcome_ = false;
  term_ = welcome.term;
  session_ = welcome.session;
  lease_from_ = std::max(lease_from_, hello_sent_);
  heartbeat_ = 0;
  beats_sent_.clear();
  grants_seen_.clear();
  next_beat_ = now;
  next_resend_ = now;
  for (const FencedRange& range : welcome.fenced) {
    const auto from = held_.lower_bound({range.job, range.tasks.first});
    const auto to =
        held_.lower_bound({range.job, range.tasks.first + range.tasks.count});
    for (auto at = from; at != to;) {
      if (at->second != range.fence) {
        ++at;
        continue;
      }
      begun_.erase(at->first);
      at = held_.erase(at);
    }
  }
}

void ModelAgent::Granted(const Grant& grant) {
  if (!grants_seen_.insert(grant.sequence).second) return;
  // One is missing, which the Hello shows.
  if (grant.sequence > 1 && !grants_seen_.contains(grant.sequence - 1)) {
    session_.reset();
  }
  for (const GrantedRange& range : grant.ranges) {
    for (uint64_t i = 0; i < range.tasks.count; ++i) {
      const std::pair task = {range.job, range.tasks.first + i};
      held_[task] = range.fence;
      begun_.erase(task);
      line_.push_back(
          {.job = range.job, .task = task.second, .fence = range.fence});
    }
  }
}

void ModelAgent::Stop(const StopTasks& stop) {
  for (const StopTasks::Item& item : stop.items) {
    if (item.whole_job) stopped_.insert(item.job);
  }
}

}  // namespace remuda

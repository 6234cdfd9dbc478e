#include "coordinator/core/state.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"
#include "jobs/work_key.h"
#include "wire/attempt_records.h"

namespace remuda {
namespace {

// A try that was stopped for no fault of its own. Stopped without the job
// being cancelled means the same.
bool IsLoss(const AttemptsEnded::Run& run) {
  if (!run.ended.started) return false;
  if (run.ended.ending == Ending::kEvicted) return true;
  return run.ended.ending == Ending::kCancelled &&
         run.state != TaskState::kCancelled;
}

uint64_t WaitingOf(const LiveJob& job) {
  return job.tasks.counts()[static_cast<size_t>(TaskState::kPending)];
}

}  // namespace

CoreState::CoreState(const CoreOptions& core_options) : options(core_options) {}

void CoreState::Apply(const Event& event) {
  std::visit([this](const auto& happened) { On(happened); }, event);
}

void CoreState::Emit(Event event) {
  Apply(event);
  output_.events.push_back(std::move(event));
}

void CoreState::FinishIfDone(const Now& now, JobId id) {
  const LiveJob* job = FindJob(id);
  if (job == nullptr || !job->tasks.all_ended()) return;
  const JobEnd end = EndOfJob(*job);
  Emit(JobFinished{
      .job = id, .state = end.state, .reason = end.reason, .at = now.wall});
}

LiveJob* CoreState::FindJob(JobId job) {
  const auto at = jobs_.find(job);
  return at == jobs_.end() ? nullptr : at->second.get();
}

std::vector<JobId> CoreState::LiveJobs() const {
  std::vector<JobId> jobs;
  jobs.reserve(jobs_.size());
  for (const auto& [id, job] : jobs_) jobs.push_back(id);
  std::sort(jobs.begin(), jobs.end());
  return jobs;
}

void CoreState::On(const TermStarted& event) { term = event.term; }

void CoreState::On(const AgentRegistered& event) {
  agents.Register(event);
  last_agent = std::max(last_agent, event.agent);
}

void CoreState::On(const AgentLeft& event) {
  AgentEntry* agent = agents.Find(event.agent);
  CHECK(agent != nullptr && agent->grants.empty());
  agents.CloseSession(*agent);
  UpdateFree(*agent);
  agents.Remove(event.agent);
}

// Jobs of one type on one executor are counted together.
size_t CoreState::CountersFor(const JobAccepted& accepted) {
  std::vector<ClassCounters>& all = counters.classes;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const ClassCounters& one) {
        return one.type == accepted.job->type &&
               one.executor == accepted.executor;
      });
  if (found != all.end()) return static_cast<size_t>(found - all.begin());
  ClassCounters& added = all.emplace_back();
  added.type = accepted.job->type;
  added.executor = accepted.executor;
  return all.size() - 1;
}

LiveJob& CoreState::AddJob(const JobAccepted& accepted) {
  auto job = std::make_unique<LiveJob>();
  job->accepted = accepted;
  job->tasks = JobTasks(accepted.tasks);
  job->work = WorkKeyOf(*accepted.job);
  Place(*job);
  submissions.Add(accepted.key, accepted.document, accepted.id,
                  accepted.digest);
  last_job = std::max(last_job, accepted.id);
  const auto [at, is_new] = jobs_.try_emplace(accepted.id, std::move(job));
  CHECK(is_new);
  return *at->second;
}

void CoreState::AddGrant(LiveJob& job, LiveGrant& grant) {
  grants_[grant.id] = &grant;
  AgentEntry* agent = agents.Find(grant.agent);
  CHECK(agent != nullptr);
  agent->grants.insert(grant.id);
  agent->outstanding[static_cast<size_t>(job.accepted.executor)] +=
      grant.running;
  job.holders[grant.agent] += grant.running;
  CountersOf(job).running += grant.running;
  last_grant = std::max(last_grant, grant.id);
}

void CoreState::CountWaiting(LiveJob& job) {
  const uint64_t waiting = WaitingOf(job);
  ClassCounters& counted = CountersOf(job);
  counted.pending += waiting;
  counted.tasks_taken += waiting + job.tasks.running();
  counters.queue.delayed += job.tasks.delayed();
  UpdateReady(job);
  UpdateOldest(job, job.accepted.at);
}

void CoreState::On(const JobAccepted& event) {
  LiveJob& job = AddJob(event);
  ++counters.jobs_accepted;
  CountWaiting(job);
  MarkChanged(job);
}

void CoreState::On(const TasksGranted& event) {
  LiveJob* job = FindJob(event.job);
  CHECK(job != nullptr);
  LiveGrant* grant = job->tasks.Grant({.id = event.grant,
                                       .job = event.job,
                                       .agent = event.agent,
                                       .tasks = event.tasks,
                                       .fence = event.fence});
  AddGrant(*job, *grant);
  if (job->state == JobState::kQueued) {
    job->state = JobState::kRunning;
    job->started_at = event.at;
  }
  ClassCounters& counted = CountersOf(*job);
  counted.pending -= event.tasks.count;
  counted.tasks_granted += event.tasks.count;
  if (job->trial_left.has_value()) {
    *job->trial_left -= std::min(*job->trial_left, event.tasks.count);
  }
  CountWait(*job, event);
  ++counters.grants;
  counters.tasks_granted += event.tasks.count;
  UpdateReady(*job);
  UpdateOldest(*job, event.at);
  UpdateFree(*agents.Find(event.agent));
  MarkChanged(*job);
}

// A fresh task waited since its job was accepted, one that failed since its
// back-off was over; and for one that came back its job knows since when.
void CoreState::CountWait(const LiveJob& job, const TasksGranted& granted) {
  BucketCounts& wait = counters.queue.wait;
  if (granted.fence.value == 1) {
    wait.Observe(granted.at - job.accepted.at, granted.tasks.count);
    return;
  }
  const WallTime came_back = job.waits_since.value_or(granted.at);
  for (const JobTasks::Piece& piece :
       job.tasks.RunningAt(granted.tasks, granted.fence, granted.agent)
           .pieces) {
    const WallTime due = piece.tries.not_before;
    wait.Observe(granted.at - (due > WallTime{} ? due : came_back),
                 piece.tasks.count);
  }
}

void CoreState::CountEnded(const LiveJob& job, TaskState state, uint64_t tasks,
                           WallTime at) {
  CountersOf(job).tasks_finished[static_cast<size_t>(state)] += tasks;
  counters.queue.total.Observe(at - job.accepted.at, tasks);
}

// Usually all records are of attempts that count, so that one pass over their
// times is enough.
void CoreState::CountRunTimes(const LiveJob& job, const AttemptsEnded& ended) {
  if (ended.records == nullptr) return;
  uint64_t tasks = 0;
  for (const AttemptsEnded::Run& run : ended.runs) {
    if (run.ended.started) tasks += run.ended.tasks.count;
  }
  BucketCounts& counts = CountersOf(job).run;
  if (ObserveWalls(*ended.records, tasks, counts)) return;
  const auto records = DecodeAttemptRecords(*ended.records);
  if (!records.ok()) return;
  for (const AttemptRecord& record : *records) {
    const bool is_taken = std::any_of(
        ended.runs.begin(), ended.runs.end(),
        [&record](const AttemptsEnded::Run& run) {
          return run.ended.started && run.ended.fence == record.fence &&
                 record.task >= run.ended.tasks.first &&
                 record.task - run.ended.tasks.first < run.ended.tasks.count;
        });
    if (is_taken) counts.Observe(record.wall);
  }
}

void CoreState::EndTasks(LiveJob& job, AgentEntry& agent, IndexRange tasks,
                         const JobTasks::Change& change, WallTime at) {
  job.progress.erase(job.progress.lower_bound(tasks.first),
                     job.progress.lower_bound(tasks.first + tasks.count));
  counters.queue.delayed -= job.tasks.delayed();
  const JobTasks::Ended ended = job.tasks.End(tasks, change);
  for (const LiveGrant& done : ended.grants_done) {
    grants_.erase(done.id);
    agent.grants.erase(done.id);
    output_.grants_done.push_back(done.id);
  }
  counters.queue.delayed += job.tasks.delayed();
  agent.outstanding[static_cast<size_t>(job.accepted.executor)] -= tasks.count;
  const auto holder = job.holders.find(agent.registered.agent);
  CHECK(holder != job.holders.end() && holder->second >= tasks.count);
  holder->second -= tasks.count;
  if (holder->second == 0) job.holders.erase(holder);
  if (!change.started && job.trial_left.has_value()) {
    *job.trial_left += tasks.count;
  }
  if (change.started) job.attempts += tasks.count;
  if (change.loss) job.losses += tasks.count;

  ClassCounters& counted = CountersOf(job);
  counted.running -= tasks.count;
  counted.begun -= ended.begun;
  // What was said to have begun is counted already, rightly or not.
  if (change.started) counted.attempts_started += tasks.count - ended.begun;
  if (change.handed_back) counted.attempts_started -= ended.begun;
  if (change.state == TaskState::kPending) {
    counted.pending += tasks.count;
  } else {
    CountEnded(job, change.state, tasks.count, at);
    if (change.state == TaskState::kLost) counted.quarantined += tasks.count;
  }
}

void CoreState::Begin(GrantId id, uint64_t tasks) {
  LiveGrant& grant = *grants_.at(id);
  tasks = std::min(tasks, grant.tasks.count);
  if (tasks <= grant.begun) return;
  LiveJob& job = *FindJob(grant.job);
  const IndexRange fresh = {.first = grant.tasks.first + grant.begun,
                            .count = tasks - grant.begun};
  const uint64_t running =
      job.tasks.RunningAt(fresh, grant.fence, grant.agent).tasks;
  grant.begun = tasks;
  ClassCounters& counted = CountersOf(job);
  counted.begun += running;
  counted.attempts_started += running;
}

void CoreState::On(const AttemptsEnded& event) {
  LiveJob* job = FindJob(event.job);
  AgentEntry* agent = agents.Find(event.agent);
  CHECK(job != nullptr && agent != nullptr);
  ClassCounters& counted = CountersOf(*job);
  for (const AttemptsEnded::Run& run : event.runs) {
    const uint64_t count = run.ended.tasks.count;
    const bool loss = IsLoss(run);
    EndTasks(*job, *agent, run.ended.tasks,
             {.fence = run.ended.fence,
              .started = run.ended.started,
              .loss = loss,
              .handed_back = !run.ended.started,
              .state = run.state,
              .not_before = run.not_before},
             event.at);
    if (!run.ended.started) {
      counted.attempts_handed_back += count;
    } else {
      counted.attempts_finished[static_cast<size_t>(run.ended.ending)] += count;
      if (run.state == TaskState::kPending) {
        counted.retries[static_cast<size_t>(loss ? Ending::kEvicted
                                                 : run.ended.ending)] += count;
      }
    }
  }
  CountRunTimes(*job, event);
  UpdateReady(*job);
  UpdateOldest(*job, event.at);
  UpdateFree(*agent);
  MarkChanged(*job);
}

void CoreState::On(const TasksReturned& event) {
  LiveJob* job = FindJob(event.job);
  AgentEntry* agent = agents.Find(event.agent);
  CHECK(job != nullptr && agent != nullptr);
  EndTasks(*job, *agent, event.tasks.tasks,
           {.fence = event.tasks.fence,
            .started = event.charged,
            .loss = event.charged,
            .state = event.state,
            .not_before = {}},
           event.at);
  if (event.charged && event.state == TaskState::kPending) {
    CountersOf(*job).retries_lost += event.tasks.tasks.count;
  }
  UpdateReady(*job);
  UpdateOldest(*job, event.at);
  UpdateFree(*agent);
  MarkChanged(*job);
}

void CoreState::On(const JobCancelRequested& event) {
  LiveJob* job = FindJob(event.job);
  CHECK(job != nullptr && !job->cancelling());
  const uint64_t waiting = WaitingOf(*job);
  CountersOf(*job).pending -= waiting;
  CountEnded(*job, TaskState::kCancelled, waiting, event.at);
  counters.queue.delayed -= job->tasks.delayed();
  job->state = JobState::kCancelling;
  job->reason = event.reason;
  job->tasks.Cancel();
  UpdateDue(*job);
  cancelling.insert(event.job);
  job->wish.reset();
  moving.erase(event.job);
  UpdateReady(*job);
  UpdateOldest(*job, event.at);
  MarkChanged(*job);
}

void CoreState::On(const JobFinished& event) {
  LiveJob* job = FindJob(event.job);
  CHECK(job != nullptr && job->tasks.running() == 0);
  CHECK(!job->due_at.has_value());
  job->state = event.state;
  job->reason = event.reason;
  ++counters.jobs_finished[static_cast<size_t>(event.state)];
  --CountersOf(*job).jobs;
  if (job->is_ready) {
    ready.SetReady(job->job_class, job->accepted.job->priority, event.job,
                   false);
  }
  Flush(*job);
  output_.summaries.back().finished_at = event.at;
  submissions.Finish(job->accepted.key, job->accepted.document,
                     output_.summaries.back());
  cancelling.erase(event.job);
  moving.erase(event.job);
  jobs_.erase(event.job);
}

void CoreState::UpdateReady(LiveJob& job) {
  const bool is_ready = job.grantable() > 0;
  if (is_ready == job.is_ready) return;
  job.is_ready = is_ready;
  ready.SetReady(job.job_class, job.accepted.job->priority, job.accepted.id,
                 is_ready);
}

// `now` is when tasks may have come back to be granted.
void CoreState::UpdateOldest(LiveJob& job, WallTime now) {
  std::optional<WallTime> since;
  if (job.tasks.fresh() > 0) {
    since = job.accepted.at;
  } else if (job.tasks.ready() > 0) {
    const bool waited = job.waits_since.has_value() && !job.waits_fresh;
    since = waited ? job.waits_since : now;
  }
  job.waits_fresh = job.tasks.fresh() > 0;
  if (since == job.waits_since) return;
  if (job.waits_since.has_value()) {
    oldest_.erase({*job.waits_since, job.accepted.id});
  }
  if (since.has_value()) oldest_.insert({*since, job.accepted.id});
  job.waits_since = since;
}

void CoreState::UpdateFree(AgentEntry& agent) {
  for (int kind = 0; kind < kExecutorKinds; ++kind) {
    const auto at = static_cast<size_t>(kind);
    const auto executor = static_cast<ExecutorKind>(kind);
    const bool is_free = agent.free_credit(executor) > 0;
    const ReadyQueue::Load load = agent.LoadOf(executor);
    if (is_free == agent.is_free[at] && load == agent.load[at]) continue;
    for (const ClassId id : agent.classes[at]) {
      ready.SetFree(id, agent.registered.agent, is_free);
      ready.SetLoad(id, agent.registered.agent, agent.load[at], load);
    }
    agent.is_free[at] = is_free;
    agent.load[at] = load;
  }
}

// Whether a task that takes so many fits into the agent when it is empty.
bool CoreState::HasSlots(const AgentEntry& agent, ExecutorKind executor,
                         uint32_t slots) {
  if (slots <= 1) return true;
  const std::vector<ExecutorOffer>& offers = agent.registered.executors;
  return std::any_of(offers.begin(), offers.end(),
                     [&](const ExecutorOffer& offer) {
                       return offer.kind == executor && offer.slots >= slots;
                     });
}

void CoreState::UpdateClasses(AgentEntry& agent) {
  for (int kind = 0; kind < kExecutorKinds; ++kind) {
    const auto at = static_cast<size_t>(kind);
    for (const ClassId id : agent.classes[at]) {
      ready.SetFree(id, agent.registered.agent, false);
      ready.SetLoad(id, agent.registered.agent, agent.load[at],
                    ReadyQueue::Load::kFull);
    }
    agent.classes[at].clear();
    agent.is_free[at] = false;
    agent.load[at] = ReadyQueue::Load::kFull;
  }
  if (!agent.session.has_value()) return;
  const std::vector<std::string>& types = agent.session->job_types;
  for (uint32_t i = 0; i < ready.class_count(); ++i) {
    const ClassId id{i};
    if (std::binary_search(types.begin(), types.end(), ready.type(id)) &&
        HasSlots(agent, ready.executor(id), ready.slots_each(id))) {
      agent.classes[static_cast<size_t>(ready.executor(id))].push_back(id);
    }
  }
  UpdateFree(agent);
}

void CoreState::Send(const AgentEntry& agent, CoordinatorMessage message,
                     When when) {
  if (!agent.session.has_value()) return;
  SendTo(agent.session->peer, agent.session->id, std::move(message), when);
}

void CoreState::SendTo(Peer peer, SessionId session, CoordinatorMessage message,
                       When when) {
  ++counters.messages_out[message.index()];
  auto& sends = when == When::kAtOnce ? output_.at_once : output_.after_commit;
  sends.push_back(
      ToAgent{.peer = peer, .session = session, .message = std::move(message)});
}

void CoreState::Reply(Peer client, uint64_t request, ClientReply reply,
                      When when) {
  auto& sends = when == When::kAtOnce ? output_.at_once : output_.after_commit;
  sends.push_back(
      ToClient{.peer = client, .request = request, .reply = std::move(reply)});
}

void CoreState::AckResults(AgentEntry& agent) {
  if (!agent.session.has_value() || agent.session->ack_due) return;
  agent.session->ack_due = true;
  ack_agents_.push_back(agent.registered.agent);
}

void CoreState::MarkChanged(LiveJob& job) {
  if (job.changed) return;
  job.changed = true;
  changed_jobs_.push_back(job.accepted.id);
}

void CoreState::Flush(LiveJob& job) {
  job.changed = false;
  for (JobTasks::ChunkBytes& chunk : job.tasks.TakeChanged()) {
    output_.chunks.push_back({.job = job.accepted.id,
                              .chunk = chunk.chunk,
                              .version = chunk.version,
                              .state = std::move(chunk.state)});
  }
  output_.summaries.push_back(SummaryOf(job));
}

Output CoreState::TakeOutput() {
  for (const JobId id : changed_jobs_) {
    // A job that finished in this turn is flushed already.
    if (LiveJob* job = FindJob(id); job != nullptr) Flush(*job);
  }
  changed_jobs_.clear();
  for (const AgentId id : ack_agents_) {
    AgentEntry* agent = agents.Find(id);
    if (agent == nullptr || !agent->session.has_value()) continue;
    Session& session = *agent->session;
    if (!session.ack_due) continue;
    session.ack_due = false;
    Send(*agent, ResultsAck{.up_to = session.results_next.value_or(1) - 1},
         When::kAfterCommit);
  }
  ack_agents_.clear();
  output_.logs = std::move(logs);
  logs.clear();
  return std::exchange(output_, Output{});
}

void CoreState::DropOutput() {
  output_ = Output{};
  for (const JobId id : changed_jobs_) {
    if (LiveJob* job = FindJob(id); job != nullptr) job->changed = false;
  }
  changed_jobs_.clear();
}

void CoreState::RefreshGauges() {
  counters.agents = {};
  counters.credit = {};
  counters.outstanding = {};
  for (const auto& [id, agent] : agents.all()) {
    ++counters.agents[static_cast<size_t>(agent.state())];
    for (size_t i = 0; i < kExecutorKinds; ++i) {
      counters.credit[i] += agent.session.has_value() ? agent.credit[i] : 0;
      counters.outstanding[i] += agent.outstanding[i];
    }
  }
  counters.jobs_live = jobs_.size();
  counters.grants_live = grants_.size();
  counters.queue.oldest_pending.reset();
  if (!oldest_.empty()) counters.queue.oldest_pending = oldest_.begin()->first;
}

std::string CoreState::Digest() const {
  std::string text;
  const auto number = [&text](uint64_t value) {
    text += std::to_string(value);
    text += ' ';
  };
  number(term.value);
  number(last_job.value);
  number(last_agent.value);
  number(last_grant.value);
  for (const auto& [id, agent] : agents.all()) {
    number(id.value);
    text += agent.registered.instance + '\n';
    for (const uint64_t count : agent.outstanding) number(count);
  }
  for (const JobId id : LiveJobs()) {
    const LiveJob& job = *jobs_.at(id);
    number(id.value);
    text += job.accepted.key + '\n' + job.accepted.owner + '\n' +
            job.accepted.digest + '\n';
    number(static_cast<uint64_t>(job.state));
    number(static_cast<uint64_t>(job.accepted.executor));
    number(job.moves);
    text += job.accepted.executor_reason + '\n';
    number(job.attempts);
    number(job.losses);
    text += job.reason + '\n';
    for (const JobFinding& finding : job.findings) {
      text += ToText(finding) + '\n';
    }
    job.tasks.AppendDigest(text);
  }
  // FNV-1a, twice from different starts: enough to tell states apart.
  uint64_t one = 0xcbf29ce484222325u;
  uint64_t two = 0x9e3779b97f4a7c15u;
  for (const char c : text) {
    one = (one ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    two = (two ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string digest;
  for (const uint64_t half : {one, two}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      digest.push_back(kDigits[half >> shift & 0xf]);
    }
  }
  return digest;
}

}  // namespace remuda

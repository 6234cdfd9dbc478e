#include "coordinator/core/core_driver.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "jobs/index_ranges.h"
#include "jobs/work_key.h"

namespace remuda {

JobToAccept NoopJob(uint64_t tasks, const std::string& name) {
  auto job = std::make_shared<Job>();
  job->name = name;
  job->type = "noop";
  job->tasks = {.kind = TaskSource::Kind::kRange,
                .written = TaskSource::Written::kRange,
                .from = 1,
                .to = static_cast<int64_t>(tasks)};
  JobToAccept accept;
  accept.job = std::move(job);
  accept.job_json = std::make_shared<const std::string>("{}");
  accept.digest = name + std::to_string(tasks);
  accept.tasks = tasks;
  accept.executor = ExecutorKind::kAsync;
  return accept;
}

Job& Edit(JobToAccept& job) {
  auto copy = std::make_shared<Job>(*job.job);
  Job& edited = *copy;
  job.job = std::move(copy);
  return edited;
}

CoreDriver::CoreDriver(const CoreOptions& options) : options_(options) {
  now_.monotonic = MonotonicTime(std::chrono::hours(1));
  now_.wall = WallTime(std::chrono::hours(24 * 365 * 50));
  Restart();
}

void CoreDriver::Restart() {
  core_ = std::make_unique<Core>(options_);
  CHECK_OK(core_->Restore(now_, store_.Load()));
  Turn();
}

Output CoreDriver::Turn() {
  core_->Dispatch(now_);
  Output output = core_->TakeOutput();
  store_.Commit(output);
  for (const remuda::Send& send : output.at_once) Deliver(send);
  for (const remuda::Send& send : output.after_commit) Deliver(send);
  return output;
}

void CoreDriver::Advance(Duration duration) {
  const MonotonicTime end = now_.monotonic + duration;
  while (true) {
    const std::optional<MonotonicTime> next = core_->next_time();
    const bool last = !next.has_value() || *next > end;
    const MonotonicTime until = last ? end : std::max(*next, now_.monotonic);
    now_.wall += until - now_.monotonic;
    now_.monotonic = until;
    core_->OnTime(now_);
    Turn();
    if (last) return;
  }
}

Accepted CoreDriver::Submit(const std::string& key,
                            std::vector<JobToAccept> jobs) {
  core_->OnSubmit(now_, Peer{1'000'000}, 1, key, std::move(jobs),
                  store_.Submitted(key));
  Turn();
  if (const auto* accepted = std::get_if<Accepted>(&reply_)) return *accepted;
  return {};
}

JobId CoreDriver::SubmitOne(JobToAccept job) {
  std::vector<JobToAccept> jobs;
  jobs.push_back(std::move(job));
  const Accepted accepted =
      Submit("key-" + std::to_string(++last_key_), std::move(jobs));
  CHECK(accepted.jobs.size() == 1);
  return accepted.jobs[0].id;
}

ClientReply CoreDriver::Cancel(JobId job) {
  std::optional<JobSummary> stored;
  const auto at = store_.summaries().find(job);
  if (!core_->summary(job).has_value() && at != store_.summaries().end()) {
    stored = at->second;
  }
  core_->OnCancel(now_, Peer{1'000'000}, 2,
                  {.job = job, .reason = "not wanted any more"}, stored);
  Turn();
  return reply_;
}

uint64_t CoreDriver::Count(JobId job, TaskState state) const {
  return Summary(job).tasks[static_cast<size_t>(state)];
}

void CoreDriver::Attach(ScriptedAgent* agent) { agents_.push_back(agent); }

void CoreDriver::Detach(ScriptedAgent* agent) { std::erase(agents_, agent); }

void CoreDriver::Deliver(const remuda::Send& send) {
  if (const auto* to_client = std::get_if<ToClient>(&send)) {
    reply_ = to_client->reply;
    return;
  }
  const auto& to_agent = std::get<ToAgent>(send);
  for (ScriptedAgent* agent : agents_) {
    if (agent->peer() == to_agent.peer) {
      agent->Hear(to_agent.session, to_agent.message);
    }
  }
}

ScriptedAgent::ScriptedAgent(CoreDriver& driver, const std::string& instance,
                             std::vector<std::string> job_types)
    : driver_(driver) {
  hello_.version = "test";
  hello_.name = "name of " + instance;
  hello_.instance = instance;
  hello_.executors = {{.kind = ExecutorKind::kAsync, .slots = 100},
                      {.kind = ExecutorKind::kProcessPool, .slots = 2}};
  hello_.job_types = std::move(job_types);
  driver.Attach(this);
}

ScriptedAgent::~ScriptedAgent() { driver_.Detach(this); }

void ScriptedAgent::SayHello(std::vector<FencedRange> held) {
  peer_ = driver_.NewPeer();
  ++hello_.number;
  hello_.results_first = acked_ + 1;
  results_ = acked_;
  hello_.held = std::move(held);
  welcome_.session = SessionId{};
  heartbeat_ = 0;
  last_grant_ = 0;
  Send(hello_);
}

void ScriptedAgent::Beat(uint64_t credit, ExecutorKind kind) {
  Heartbeat heartbeat;
  heartbeat.sequence = ++heartbeat_;
  heartbeat.last_grant = last_grant_;
  heartbeat.credits = {{.executor = kind, .tasks = credit}};
  Send(heartbeat);
}

void ScriptedAgent::BeatBacklog(uint64_t credit, uint64_t backlog) {
  Heartbeat heartbeat;
  heartbeat.sequence = ++heartbeat_;
  heartbeat.last_grant = last_grant_;
  heartbeat.credits = {{.executor = ExecutorKind::kAsync, .tasks = credit}};
  if (backlog > 0) {
    heartbeat.backlogs = {{.executor = ExecutorKind::kAsync,
                           .work = WorkKeyOf(*NoopJob(1).job),
                           .tasks = backlog}};
  }
  Send(heartbeat);
}

uint64_t ScriptedAgent::GiveBack() {
  std::vector<EndedBatch> batches;
  uint64_t tasks = 0;
  const auto give_back = [&](GrantedRange& range, const IndexRange& wanted) {
    for (const IndexRange& gone : IndexRanges(wanted).Intersect(range.tasks)) {
      // What is wanted back is the end of a range.
      CHECK(gone.first + gone.count == range.tasks.first + range.tasks.count);
      range.tasks.count -= gone.count;
      tasks += gone.count;
      EndedBatch batch;
      batch.job = range.job;
      batch.executor = range.executor;
      batch.runs = {{.tasks = gone,
                     .fence = range.fence,
                     .ending = Ending::kEvicted,
                     .started = false}};
      batches.push_back(std::move(batch));
    }
  };
  for (const CoordinatorMessage& message : std::exchange(heard_, {})) {
    const auto* stop = std::get_if<StopTasks>(&message);
    if (stop == nullptr || stop->reason != StopTasks::Reason::kRetracted) {
      continue;
    }
    for (const StopTasks::Item& item : stop->items) {
      for (GrantedRange& range : granted_) {
        if (range.job != item.job) continue;
        for (const IndexRange& part : item.tasks) give_back(range, part);
      }
    }
  }
  std::erase_if(granted_, [](const GrantedRange& range) {
    return range.tasks.count == 0;
  });
  SendBatches(std::move(batches));
  return tasks;
}

void ScriptedAgent::Begin(JobId job, TaskIndex task, uint32_t fence) {
  Heartbeat heartbeat;
  heartbeat.sequence = ++heartbeat_;
  heartbeat.last_grant = last_grant_;
  heartbeat.begun = {
      {.executor = ExecutorKind::kAsync,
       .attempt = {.job = job, .task = task, .fence = Fence{fence}}}};
  Send(heartbeat);
}

void ScriptedAgent::Drain() {
  Heartbeat heartbeat;
  heartbeat.sequence = ++heartbeat_;
  heartbeat.last_grant = last_grant_;
  heartbeat.draining = true;
  Send(heartbeat);
}

void ScriptedAgent::Leave() { Send(Goodbye{.reason = "drained"}); }

void ScriptedAgent::End(JobId job, IndexRange tasks, uint32_t fence,
                        Ending ending, int32_t exit_code, bool started) {
  EndedBatch batch;
  batch.job = job;
  batch.executor = ExecutorKind::kAsync;
  batch.records = "records";
  batch.runs = {{.tasks = tasks,
                 .fence = Fence{fence},
                 .ending = ending,
                 .exit_code = exit_code,
                 .started = started}};
  std::vector<EndedBatch> batches;
  batches.push_back(std::move(batch));
  SendBatches(std::move(batches));
}

void ScriptedAgent::SendBatches(std::vector<EndedBatch> batches) {
  for (const EndedBatch& batch : batches) {
    for (const EndingRun& run : batch.runs) {
      std::erase_if(granted_, [&](const GrantedRange& range) {
        return range.job == batch.job && range.fence == run.fence &&
               range.tasks == run.tasks;
      });
    }
  }
  Send(Results{.sequence = ++results_, .batches = std::move(batches)});
}

void ScriptedAgent::SucceedAll() {
  std::vector<EndedBatch> batches;
  for (const GrantedRange& range : std::exchange(granted_, {})) {
    const uint64_t end = range.tasks.first + range.tasks.count;
    for (uint64_t at = range.tasks.first; at < end;) {
      const uint64_t until = std::min(end, (ChunkOf(at) + 1) * kTasksPerChunk);
      EndedBatch batch;
      batch.job = range.job;
      batch.executor = range.executor;
      batch.runs = {
          {.tasks = {.first = at, .count = until - at}, .fence = range.fence}};
      batches.push_back(std::move(batch));
      at = until;
    }
  }
  SendBatches(std::move(batches));
}

void ScriptedAgent::Send(AgentMessage message) {
  SendIn(welcome_.session, std::move(message));
}

void ScriptedAgent::SendIn(SessionId session, AgentMessage message) {
  driver_.core().OnAgentMessage(
      driver_.now(), {.peer = peer_, .term = welcome_.term, .session = session},
      std::move(message));
  driver_.Turn();
}

uint64_t ScriptedAgent::granted_tasks() const {
  uint64_t tasks = 0;
  for (const GrantedRange& range : granted_) tasks += range.tasks.count;
  return tasks;
}

std::vector<FencedRange> ScriptedAgent::Held() const {
  std::vector<FencedRange> held;
  for (const GrantedRange& range : granted_) {
    held.push_back(
        {.job = range.job, .tasks = range.tasks, .fence = range.fence});
  }
  return held;
}

void ScriptedAgent::Hear(SessionId session, const CoordinatorMessage& message) {
  heard_.push_back(message);
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    welcome_ = *welcome;
    return;
  }
  if (session != welcome_.session) return;
  if (const auto* grant = std::get_if<Grant>(&message)) {
    last_grant_ = grant->sequence;
    granted_.insert(granted_.end(), grant->ranges.begin(), grant->ranges.end());
  } else if (const auto* ack = std::get_if<ResultsAck>(&message)) {
    acked_ = ack->up_to;
  }
}

}  // namespace remuda

#include "coordinator/server/executor_learner.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "coordinator/server/move_words.h"
#include "coordinator/store/evidence_batch.h"
#include "jobs/executor_choice.h"
#include "jobs/verdict/work_name.h"

namespace remuda {
namespace {

constexpr auto kProcesses = static_cast<size_t>(ExecutorKind::kProcessPool);

// Fewer tasks leave no room for a trial.
constexpr uint64_t kTasksMin = kTrialTasksMin * kTrialsLeftMin +
                               static_cast<uint64_t>(kAttemptsToJudgeMin);

bool Contains(const std::vector<ExecutorKind>& kinds, ExecutorKind kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

}  // namespace

uint64_t ExecutorLearner::Agent::cores() const {
  return std::max<uint64_t>(slots[kProcesses], 1);
}

void ExecutorLearner::Restore(const Now& now, const StoredState& state,
                              std::vector<LearnedKind> learned) {
  for (LearnedKind& one : learned) {
    learned_[one.kind] = std::move(one.learned);
  }
  for (const AgentRegistered& agent : state.agents) OnEvent(now, agent);
  for (const StoredJob& stored : state.jobs) {
    if (stored.cancel_requested) continue;
    const JobId id = stored.summary.id;
    Watch(stored.accepted, stored.moves > 0);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) continue;
    Watched& job = found->second;
    job.granted =
        stored.summary.tasks[static_cast<size_t>(TaskState::kRunning)];
    if (stored.moves == 0) continue;
    // Its trial goes on; one that is over was the job's only one.
    bool is_tried = false;
    for (const auto& [kind, choice] : learned_) {
      if (!choice.trial || choice.trial->job != id ||
          choice.trial->executor != job.executor) {
        continue;
      }
      is_tried = true;
      job.kind.cores = kind.cores;
      job.stage = Stage::kOnTrial;
      job.trial = {.before = choice.trial->before,
                   .tasks = choice.trial->tasks};
      job.trial_executor = job.executor;
      job.why = stored.summary.executor_reason;
      job.moved_at = now.monotonic;
      job.is_news = true;
    }
    if (!is_tried) jobs_.erase(found);
  }
}

LearnedChoice ExecutorLearner::LearnedOf(const KindOfWork& kind) const {
  const auto found = learned_.find(kind);
  return found == learned_.end() ? LearnedChoice() : found->second;
}

uint64_t ExecutorLearner::CoresOfAll() const {
  uint64_t cores = 0;
  for (const auto& [id, agent] : agents_) {
    if (cores != 0 && agent.cores() != cores) return 0;
    cores = agent.cores();
  }
  return cores;
}

void ExecutorLearner::Choose(JobToAccept& job) const {
  if (!job.job->executor.is_auto() || learned_.empty()) return;
  const JobType* type = FindJobType(job.job->type);
  if (type == nullptr) return;
  KindOfWork kind = {.owner = job.owner,
                     .type = job.job->type,
                     .function = WorkName(job.job->type, job.job->with),
                     .cores = CoresOfAll()};
  if (kind.cores == 0 && agents_.empty()) {
    // Before the first agent comes, what was learned of the only size.
    const auto first = learned_.lower_bound(kind);
    if (first == learned_.end()) return;
    kind.cores = first->first.cores;
    if (first->first != kind) return;
    const auto next = std::next(first);
    KindOfWork same_but_cores = kind;
    if (next != learned_.end()) same_but_cores.cores = next->first.cores;
    if (next != learned_.end() && next->first == same_but_cores) return;
  }
  const auto found = learned_.find(kind);
  if (found == learned_.end()) return;
  const LearnedChoice::Tried* kept = found->second.kept();
  if (kept == nullptr || kept->after.executor == job.executor ||
      !Contains(SafeExecutors(*job.job, *type), kept->after.executor)) {
    return;
  }
  job.executor = kept->after.executor;
  job.executor_reason = LearnedReason(*kept);
}

void ExecutorLearner::Watch(const JobAccepted& accepted, bool has_moved) {
  if (jobs_.size() >= kJobsMax || accepted.tasks < kTasksMin) return;
  const JobType* type = FindJobType(accepted.job->type);
  if (type == nullptr) return;
  std::vector<ExecutorKind> safe = SafeExecutors(*accepted.job, *type);
  std::erase(safe, accepted.executor);
  if (safe.empty() && !has_moved) return;
  Watched& job = jobs_[accepted.id];
  job.job = accepted.job;
  job.kind = {.owner = accepted.owner,
              .type = accepted.job->type,
              .function = WorkName(accepted.job->type, accepted.job->with),
              .cores = 0};
  job.type = type;
  job.tasks = accepted.tasks;
  job.safe = std::move(safe);
  job.executor = accepted.executor;
  job.reason = accepted.executor_reason;
}

void ExecutorLearner::OnCommitted(const Now& now, const Output& output) {
  for (const Event& event : output.events) OnEvent(now, event);
  for (const JobSummary& summary : output.summaries) {
    const auto found = jobs_.find(summary.id);
    if (found == jobs_.end()) continue;
    for (const JobFinding& finding : summary.findings) {
      found->second.blocks_its_loop |=
          summary.executor == ExecutorKind::kAsync &&
          (finding.code == "loop_blocked" || finding.code == "blocking_call");
    }
  }
}

void ExecutorLearner::OnEvent(const Now& now, const Event& event) {
  if (const auto* agent = std::get_if<AgentRegistered>(&event)) {
    Agent& known = agents_[agent->agent];
    known = {};
    known.memory_bytes = agent->memory_bytes;
    for (const ExecutorOffer& offer : agent->executors) {
      known.slots[static_cast<size_t>(offer.kind)] = offer.slots;
    }
  } else if (const auto* left = std::get_if<AgentLeft>(&event)) {
    agents_.erase(left->agent);
  } else if (const auto* accepted = std::get_if<JobAccepted>(&event)) {
    Watch(*accepted, /*has_moved=*/false);
  } else if (const auto* finished = std::get_if<JobFinished>(&event)) {
    jobs_.erase(finished->job);
  } else if (const auto* cancel = std::get_if<JobCancelRequested>(&event)) {
    jobs_.erase(cancel->job);
  } else if (const auto* chosen = std::get_if<ExecutorChosen>(&event)) {
    OnChosen(now, *chosen);
  } else if (const auto* ended = std::get_if<AttemptsEnded>(&event)) {
    OnEnded(now, *ended);
  } else if (const auto* grant = std::get_if<TasksGranted>(&event)) {
    const auto found = jobs_.find(grant->job);
    if (found == jobs_.end()) return;
    found->second.granted += grant->tasks.count;
    found->second.begun += grant->tasks.count;
  } else if (const auto* back = std::get_if<TasksReturned>(&event)) {
    const auto found = jobs_.find(back->job);
    if (found == jobs_.end()) return;
    found->second.granted -=
        std::min(found->second.granted, back->tasks.tasks.count);
    found->second.begun -=
        std::min(found->second.begun, back->tasks.tasks.count);
    found->second.is_news = true;
  }
}

void ExecutorLearner::OnEnded(const Now& now, const AttemptsEnded& event) {
  const auto found = jobs_.find(event.job);
  if (found == jobs_.end()) return;
  Watched& job = found->second;
  for (const AttemptsEnded::Run& run : event.runs) {
    const uint64_t count = run.ended.tasks.count;
    job.granted -= std::min(job.granted, count);
    if (!run.ended.started) job.begun -= std::min(job.begun, count);
    const bool crashed =
        run.ended.started && (run.ended.ending == Ending::kCrash ||
                              run.ended.ending == Ending::kOom);
    if (crashed) job.crashed += count;
  }
  job.is_news = true;
  if (job.stage == Stage::kOnTrial &&
      (job.granted == 0 || job.evidence.attempts >= kAttemptsToJudgeMin)) {
    job.look_at = std::min(job.look_at, now.monotonic);
  }
  const auto agent = agents_.find(event.agent);
  if (agent == agents_.end()) return;
  std::optional<EvidenceBatch> batch = EvidenceOf(event);
  if (!batch.has_value()) return;
  if (job.kind.cores == 0) job.kind.cores = agent->second.cores();
  job.is_mixed |= job.kind.cores != agent->second.cores();
  batch->sum.slots = agent->second.slots;
  batch->sum.agent_memory_bytes =
      static_cast<double>(agent->second.memory_bytes);
  batch->sum.active = batch->NewlyActive(
      job.active_to.try_emplace(event.agent, batch->began).first->second);
  job.evidence.Merge(batch->sum);
  const bool is_long_enough =
      job.stage == Stage::kWatched && job.evidence.attempts > kAttemptsMax;
  if (job.is_mixed || is_long_enough) jobs_.erase(found);
}

void ExecutorLearner::OnChosen(const Now& now, const ExecutorChosen& event) {
  const auto found = jobs_.find(event.job);
  if (found == jobs_.end()) return;
  Watched& job = found->second;
  if (event.executor == job.executor) return;
  job.executor = event.executor;
  if (job.stage != Stage::kLeaving) {
    jobs_.erase(found);
    return;
  }
  job.stage = Stage::kOnTrial;
  job.evidence = {};
  job.active_to.clear();
  job.begun = job.crashed = 0;
  job.moved_at = job.look_at = now.monotonic;
  job.is_news = true;
}

std::vector<ExecutorLearner::Step> ExecutorLearner::Look(
    const Now& now, const std::function<uint64_t(JobId)>& waiting) {
  std::vector<Step> steps;
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    const JobId id = at->first;
    Watched& job = at->second;
    const bool is_due = now.monotonic >= job.look_at &&
                        (job.stage == Stage::kOnTrial ||
                         (job.stage == Stage::kWatched && job.is_news));
    std::optional<Step> step;
    if (is_due) {
      job.look_at = now.monotonic + kLook;
      job.is_news = false;
      step = job.stage == Stage::kOnTrial ? Judge(now, id, job, waiting(id))
                                          : Plan(now, id, job, waiting(id));
    }
    const bool is_over =
        step.has_value() && step->result != TrialResult::kGoesOn;
    if (step.has_value()) {
      learned_[step->learned.kind] = step->learned.learned;
      steps.push_back(*std::move(step));
    }
    at = is_over ? jobs_.erase(at) : std::next(at);
  }
  return steps;
}

std::optional<ExecutorLearner::Step> ExecutorLearner::Plan(const Now& now,
                                                           JobId id,
                                                           Watched& job,
                                                           uint64_t waiting) {
  if (job.evidence.attempts < kAttemptsToJudgeMin) return std::nullopt;
  const WorkToJudge work = {.executor = job.executor,
                            .evidence = job.evidence,
                            .cores = job.kind.cores,
                            .runs_user_code = job.type->runs_user_code,
                            .is_python = job.job->type == "python",
                            .concurrency = job.job->concurrency,
                            .tasks = job.tasks,
                            .cpus_each = std::max(job.job->resources.cpu, 1u),
                            .others = job.safe,
                            .blocks_its_loop = job.blocks_its_loop};
  const Verdict verdict = remuda::Judge(work);
  LearnedChoice learned = LearnedOf(job.kind);
  const std::optional<TrialPlan> plan = PlanTrial({.work = work,
                                                   .verdict = verdict,
                                                   .waiting = waiting,
                                                   .learned = learned,
                                                   .now = now.wall});
  if (!plan.has_value()) return std::nullopt;
  job.stage = Stage::kLeaving;
  job.trial = {.before = PaceOf(job.executor, job.evidence),
               .tasks = plan->tasks};
  job.trial_executor = plan->executor;
  job.why = TrialReason(job.trial.before, *plan, verdict.gain);
  learned.trial = {.before = job.trial.before,
                   .executor = plan->executor,
                   .tasks = plan->tasks,
                   .job = id,
                   .at = now.wall};
  return Step{.job = id,
              .from = job.executor,
              .to = plan->executor,
              .result = TrialResult::kGoesOn,
              .reason = job.why,
              .wish = {.job = id,
                       .executor = plan->executor,
                       .reason = job.why,
                       .tasks_max = plan->tasks},
              .learned = {.kind = job.kind, .learned = std::move(learned)}};
}

std::optional<ExecutorLearner::Step> ExecutorLearner::Judge(const Now& now,
                                                            JobId id,
                                                            Watched& job,
                                                            uint64_t waiting) {
  job.trial.after = PaceOf(job.executor, job.evidence);
  job.trial.is_over =
      job.granted == 0 && (job.begun >= job.trial.tasks || waiting == 0);
  job.trial.lasted = now.monotonic - job.moved_at;
  job.trial.crashed = job.crashed;
  const JudgedTrial judged = JudgeTrial(job.trial);
  if (judged.result == TrialResult::kGoesOn) return std::nullopt;
  const bool is_kept = judged.result == TrialResult::kKept;
  const ExecutorKind before = job.trial.before.executor;
  const ExecutorKind executor = is_kept ? job.executor : before;
  std::string reason =
      is_kept ? KeptReason(job.trial, judged)
              : ReturnReason(job.trial, judged, job.executor, job.reason);
  LearnedChoice learned = LearnedOf(job.kind);
  learned.trial.reset();
  LearnedChoice::Tried tried = TriedOf(job.trial, judged);
  tried.job = id;
  tried.at = now.wall;
  learned.tried[static_cast<size_t>(job.executor)] = tried;
  // What it beat is no winner any more.
  auto& beaten = learned.tried[static_cast<size_t>(before)];
  if (is_kept && beaten) beaten->is_kept = false;
  return Step{.job = id,
              .from = before,
              .to = job.executor,
              .result = judged.result,
              .reason = reason,
              .wish = {.job = id,
                       .executor = executor,
                       .reason = reason,
                       .tasks_max = {}},
              .learned = {.kind = job.kind, .learned = std::move(learned)}};
}

std::optional<MonotonicTime> ExecutorLearner::next_time() const {
  std::optional<MonotonicTime> next;
  for (const auto& [id, job] : jobs_) {
    const bool waits = job.stage == Stage::kOnTrial ||
                       (job.stage == Stage::kWatched && job.is_news);
    if (waits) next = std::min(next.value_or(job.look_at), job.look_at);
  }
  return next;
}

}  // namespace remuda

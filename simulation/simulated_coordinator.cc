#include "simulation/simulated_coordinator.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

#include "base/check.h"
#include "jobs/job_json.h"
#include "simulation/simulated_client.h"
#include "simulation/version_skew.h"

namespace remuda {
namespace {

std::string ReplayDigest(const std::vector<Event>& history) {
  Core replayed((CoreOptions()));
  for (const Event& event : history) replayed.Apply(event);
  return replayed.StateDigest();
}

template <typename Message>
bool IsToAgent(const Send& send) {
  const auto* to_agent = std::get_if<ToAgent>(&send);
  return to_agent != nullptr &&
         std::holds_alternative<Message>(to_agent->message);
}

bool IsAccepted(const Send& send) {
  const auto* to_client = std::get_if<ToClient>(&send);
  return to_client != nullptr &&
         std::holds_alternative<Accepted>(to_client->reply);
}

bool LeavesTooEarly(PlantedBug bug, const Send& send) {
  switch (bug) {
    case PlantedBug::kAckBeforeCommit:
      return IsToAgent<ResultsAck>(send);
    case PlantedBug::kGrantBeforeCommit:
      return IsToAgent<Grant>(send);
    case PlantedBug::kAcceptBeforeCommit:
      return IsAccepted(send);
    default:
      return false;
  }
}

// The item of task i of the simulation's jobs, ranges and lists alike.
std::string ItemsOf(const IndexRange& tasks) {
  std::string items;
  for (uint64_t i = 0; i < tasks.count; ++i) {
    items += std::to_string(tasks.first + i + 1) + "\n";
  }
  return items;
}

}  // namespace

SimulatedCoordinator::SimulatedCoordinator(Random& random, const Shape& shape,
                                           PlantedBug bug, RunLedger& ledger,
                                           Problems& problems, Sending sending)
    : random_(random),
      shape_(shape),
      bug_(bug),
      ledger_(ledger),
      problems_(problems),
      sending_(std::move(sending)) {}

SimulatedCoordinator::~SimulatedCoordinator() = default;

CoreOptions SimulatedCoordinator::OptionsFor(const Shape& shape) {
  CoreOptions options;
  options.lease = shape.lease;
  options.heartbeat_interval = shape.lease / 15;
  options.suspect_after = shape.lease / 5;
  options.jobs_live_max = 6;
  if (shape.tight) {
    options.grant_tasks_max = 1 + random_.Below(shape.tasks_max / 10 + 1);
    options.grant_ranges_max = 1 + random_.Below(3);
    options.retract_after = std::chrono::milliseconds(random_.Below(500));
  }
  if (bug_ == PlantedBug::kLeaseTooShort) options.lease = shape.lease / 4;
  if (bug_ == PlantedBug::kQuarantineForgotten) {
    options.infrastructure_losses_max = 1'000;
  }
  return options;
}

// What the process takes for the time.
Now SimulatedCoordinator::Seen(const Now& now) const {
  if (bug_ != PlantedBug::kWallClockForLeases) return now;
  return {.monotonic = MonotonicTime(now.wall.time_since_epoch() -
                                     std::chrono::hours(24 * 365 * 50) +
                                     std::chrono::hours(48)),
          .wall = now.wall};
}

StoredState SimulatedCoordinator::LoadState() const {
  StoredState state = store_.Load();
  if (bug_ == PlantedBug::kChunkForgotten && !state.chunks.empty()) {
    state.chunks.pop_back();
  }
  return state;
}

bool SimulatedCoordinator::Start(const Now& now) {
  CHECK(!alive());
  core_ = std::make_unique<Core>(OptionsFor(shape_));
  const absl::Status restored = core_->Restore(Seen(now), LoadState());
  problems_.Expect(restored.ok(), "R30 what is stored can be restored");
  if (!restored.ok() ||
      !Persist({.decided = now.monotonic, .output = core_->TakeOutput()})) {
    core_.reset();
    return false;
  }
  CheckReplay();
  return true;
}

void SimulatedCoordinator::CheckReplay() {
  if (!alive() || !committing_.empty()) return;
  problems_.Expect(core_->StateDigest() == ReplayDigest(store_.history()),
                   "R30 the history gives the live state");
}

void SimulatedCoordinator::CheckCounters() {
  if (!alive()) return;
  const CoreCounters& counters = core_->counters();
  uint64_t held = 0;
  for (const uint64_t tasks : counters.outstanding) held += tasks;
  uint64_t running = 0;
  for (const ClassCounters& counted : counters.classes) {
    running += counted.running;
    uint64_t tasks = counted.pending + counted.running;
    for (const uint64_t ended : counted.tasks_finished) tasks += ended;
    problems_.Expect(tasks == counted.tasks_taken,
                     "R38 tasks taken on have ended, wait or run");
    problems_.Expect(counted.begun <= counted.running,
                     "R38 what has begun runs");
  }
  problems_.Expect(running == held, "R38 what runs is held by an agent");
}

void SimulatedCoordinator::Kill() {
  if (!alive()) return;
  const size_t commits = random_.Below(committing_.size() + 1);
  for (size_t i = 0; i < commits && alive(); ++i) {
    const size_t sends = committing_.front().output.after_commit.size();
    CommitFirst(i + 1 == commits ? random_.Below(sends + 1) : sends);
  }
  Die();
}

void SimulatedCoordinator::Die() {
  core_.reset();
  committing_.clear();
  welcomed_.clear();
  hellos_.clear();
  unsynced_.reset();
  // Over a restart the wall clock measures, as long as it does not jump.
  if (shape_.clock_jump > 0) back_off_.clear();
}

void SimulatedCoordinator::OnFrame(const Now& now, Peer peer,
                                   std::string_view frame) {
  if (!alive()) return;
  absl::StatusOr<IncomingFrame> decoded = DecodeIncoming(frame);
  CHECK_OK(decoded);
  AgentFrame& incoming = std::get<AgentFrame>(*decoded);
  SpoilResults(incoming.message);
  const bool belongs = IsOfItsSession(peer, incoming);
  const uint64_t refused = Refused();
  const bool is_old = IsOldHello(incoming);
  const uint64_t old_hellos = OldHellos();
  auto* hello = std::get_if<Hello>(&incoming.message);
  const bool is_foreign =
      hello != nullptr && hello->protocol_min > kProtocolMax;
  const std::string before = is_foreign ? core_->StateDigest() : "";
  if (bug_ == PlantedBug::kHelloUnnumbered && is_old) {
    hello->number = 0;
  }
  core_->OnAgentMessage(
      Seen(now),
      {.peer = peer, .term = incoming.term, .session = incoming.session},
      std::move(incoming.message));
  problems_.Expect(belongs || Refused() > refused,
                   "R8 what is said in another session is refused");
  problems_.Expect(!is_old || OldHellos() > old_hellos,
                   "R11 an older Hello changes nothing");
  problems_.Expect(!is_foreign || core_->StateDigest() == before,
                   "R35 a foreign agent changes nothing");
}

// True if a later Hello of an agent that is still registered has been heard.
bool SimulatedCoordinator::IsOldHello(const AgentFrame& frame) {
  const auto* hello = std::get_if<Hello>(&frame.message);
  if (hello == nullptr || hello->protocol_min > kProtocolMax) return false;
  uint64_t& newest = hellos_[hello->instance];
  const std::vector<AgentSummary> known = core_->agents();
  const bool is_known = std::any_of(
      known.begin(), known.end(),
      [hello](const AgentSummary& agent) { return agent.name == hello->name; });
  // Given up, it begins anew.
  if (!is_known) newest = 0;
  const bool is_old = hello->number <= newest;
  newest = std::max(newest, hello->number);
  return is_old;
}

uint64_t SimulatedCoordinator::OldHellos() const {
  return core_->counters()
      .stale[static_cast<size_t>(AgentMessageKind::kHello)]
            [static_cast<size_t>(StaleReason::kOldSequence)];
}

// True also for a Hello, which belongs to none.
bool SimulatedCoordinator::IsOfItsSession(Peer peer,
                                          const AgentFrame& frame) const {
  if (std::holds_alternative<Hello>(frame.message)) return true;
  const auto session = welcomed_.find(peer);
  return session != welcomed_.end() && frame.term == core_->term() &&
         frame.session == session->second;
}

uint64_t SimulatedCoordinator::Refused() const {
  uint64_t refused = 0;
  for (const auto& reasons : core_->counters().stale) {
    refused += reasons[static_cast<size_t>(StaleReason::kNoSession)];
  }
  return refused;
}

void SimulatedCoordinator::NoteWelcomes(const std::vector<Send>& sends) {
  for (const Send& send : sends) {
    if (!IsToAgent<Welcome>(send)) continue;
    const auto& to_agent = std::get<ToAgent>(send);
    welcomed_[to_agent.peer] = to_agent.session;
  }
}

void SimulatedCoordinator::SpoilResults(AgentMessage& message) const {
  auto* results = std::get_if<Results>(&message);
  if (results == nullptr) return;
  for (EndedBatch& batch : results->batches) {
    for (EndingRun& run : batch.runs) {
      if (bug_ == PlantedBug::kFenceUnchecked) {
        run.fence = std::max(run.fence,
                             ledger_.last_granted(batch.job, run.tasks.first));
      } else if (bug_ == PlantedBug::kLossesCharged &&
                 run.ending == Ending::kEvicted) {
        run.ending = Ending::kError;
      }
    }
  }
}

void SimulatedCoordinator::OnUnreachable(const Now& now, Peer peer) {
  if (alive()) core_->OnAgentUnreachable(Seen(now), peer);
}

void SimulatedCoordinator::OnSubmit(const Now& now, uint64_t request,
                                    const std::string& key,
                                    std::vector<JobToAccept> jobs) {
  if (!alive()) return;
  if (disk_is_full_) {  // the server refuses before the core is asked
    sending_.to_client(request,
                       RequestError{.code = RequestError::Code::kBusy});
    return;
  }
  std::vector<std::string> texts;
  for (const JobToAccept& job : jobs) texts.push_back(*job.job_json);
  absl::StatusOr<IncomingFrame> frame =
      DecodeIncoming(EncodeRequest(Submit{.key = key, .jobs = texts}, request));
  CHECK_OK(frame);
  const auto& read = std::get<Submit>(std::get<RequestFrame>(*frame).request);
  CHECK(read.jobs.size() == jobs.size());
  for (size_t i = 0; i < jobs.size(); ++i) {
    absl::StatusOr<Job> parsed = JobFromJson(read.jobs[i]);
    CHECK_OK(parsed);
    jobs[i].job = std::make_shared<const Job>(*std::move(parsed));
  }
  std::string known = read.key;
  if (bug_ == PlantedBug::kKeyForgotten) {
    known += "." + std::to_string(random_.Next());
  }
  for (JobToAccept& job : jobs) {
    if (bug_ != PlantedBug::kConcurrencyIgnored) break;
    auto unlimited = std::make_shared<Job>(*job.job);
    unlimited->concurrency = 0;
    job.job = std::move(unlimited);
  }
  core_->OnSubmit(Seen(now), Peer{1}, request, known, std::move(jobs),
                  bug_ == PlantedBug::kStoredKeyIgnored
                      ? std::nullopt
                      : store_.Submitted(known));
}

void SimulatedCoordinator::OnCancel(const Now& now, uint64_t request,
                                    const CancelJob& cancel) {
  if (!alive()) return;
  absl::StatusOr<IncomingFrame> frame =
      DecodeIncoming(EncodeRequest(cancel, request));
  CHECK_OK(frame);
  const auto& read =
      std::get<CancelJob>(std::get<RequestFrame>(*frame).request);
  std::optional<JobSummary> stored;
  if (!core_->summary(read.job).has_value()) {
    const auto found = store_.summaries().find(read.job);
    if (found != store_.summaries().end()) stored = found->second;
  }
  core_->OnCancel(Seen(now), Peer{1}, request, read, stored);
}

void SimulatedCoordinator::OnExecutorWish(const Now& now, ExecutorWish wish) {
  if (!alive()) return;
  if (bug_ != PlantedBug::kMovedWhileHeld) {
    core_->OnExecutorWish(Seen(now), std::move(wish));
    return;
  }
  Turn(now);
  if (!alive() || !core_->summary(wish.job).has_value()) return;
  const ExecutorChosen chosen = {.job = wish.job,
                                 .executor = wish.executor,
                                 .reason = wish.reason,
                                 .at = now.wall};
  core_->Apply(chosen);
  Output output;
  output.events.push_back(chosen);
  Queue(now, std::move(output));
}

void SimulatedCoordinator::Turn(const Now& now) {
  if (!alive()) return;
  core_->OnTime(Seen(now));
  core_->Dispatch(Seen(now));
  CheckCounters();
  Output output = core_->TakeOutput();
  if (bug_ == PlantedBug::kHelloBelieved) BelieveHellos(now, output);
  Queue(now, std::move(output));
  while (alive() && !committing_.empty() &&
         committing_.front().at <= now.monotonic) {
    CommitFirst(SIZE_MAX);
  }
}

// As if something had been heard in the session already.
void SimulatedCoordinator::BelieveHellos(const Now& now, const Output& output) {
  for (const Send& send : output.after_commit) {
    if (!IsToAgent<Welcome>(send)) continue;
    const auto& to_agent = std::get<ToAgent>(send);
    core_->OnAgentMessage(Seen(now),
                          {.peer = to_agent.peer,
                           .term = core_->term(),
                           .session = to_agent.session},
                          Findings{});
  }
}

void SimulatedCoordinator::Queue(const Now& now, Output output) {
  NoteWelcomes(output.after_commit);
  for (const Send& send : output.at_once) SendOne(send);
  output.at_once.clear();
  for (const Send& send : output.after_commit) {
    if (LeavesTooEarly(bug_, send)) SendOne(send);
  }
  std::erase_if(output.after_commit, [this](const Send& send) {
    return LeavesTooEarly(bug_, send);
  });
  if (!output.needs_commit() && output.after_commit.empty()) return;
  MonotonicTime at = now.monotonic;
  if (!calm_ && output.needs_commit()) {
    at += Duration(static_cast<int64_t>(
        random_.Unit() * static_cast<double>(shape_.commit_max.count())));
  }
  if (!committing_.empty()) at = std::max(at, committing_.back().at);
  committing_.push_back(
      {.decided = now.monotonic, .at = at, .output = std::move(output)});
}

// False if the process ends for it. At most so many of its messages leave.
bool SimulatedCoordinator::CommitFirst(size_t sends_max) {
  const Commit commit = std::move(committing_.front());
  const Output& output = commit.output;
  committing_.pop_front();
  if (output.needs_commit() && !Persist(commit)) {
    Die();
    return false;
  }
  for (const Send& send : output.after_commit) {
    if (sends_max == 0) break;
    --sends_max;
    SendOne(send);
  }
  return true;
}

bool SimulatedCoordinator::Persist(const Commit& commit) {
  const bool fails = std::exchange(next_sync_fails_, false);
  if (disk_is_full_ || (fails && random_.Below(2) == 0)) return false;
  CheckEvents(commit);
  if (bug_ == PlantedBug::kCommitForgotten) {
    if (unsynced_.has_value()) store_.Commit(*unsynced_);
    unsynced_ = commit.output;
  } else {
    store_.Commit(commit.output);
  }
  return !fails;
}

void SimulatedCoordinator::CheckEvents(const Commit& commit) {
  for (const Event& event : commit.output.events) {
    if (sending_.on_stored) sending_.on_stored(event);
    if (const auto* grant = std::get_if<TasksGranted>(&event)) {
      ledger_.Granted(*grant);
      granted_[grant->job] += grant->tasks.count;
      CheckBackOff(commit.decided, *grant);
    } else if (const auto* ended = std::get_if<AttemptsEnded>(&event)) {
      CheckEnded(commit.decided, *ended);
    } else if (const auto* back = std::get_if<TasksReturned>(&event)) {
      const bool agent_left =
          std::any_of(commit.output.events.begin(), commit.output.events.end(),
                      [back](const Event& other) {
                        const auto* left = std::get_if<AgentLeft>(&other);
                        return left != nullptr && left->agent == back->agent;
                      });
      ledger_.Returned(*back, agent_left);
      granted_[back->job] -= back->tasks.tasks.count;
    } else if (const auto* accepted = std::get_if<JobAccepted>(&event)) {
      ledger_.Chosen(accepted->id, accepted->executor);
    } else if (const auto* chosen = std::get_if<ExecutorChosen>(&event)) {
      CheckMove(*chosen);
    }
  }
}

// So that of no attempt it is in doubt where it runs.
void SimulatedCoordinator::CheckMove(const ExecutorChosen& chosen) {
  if (ledger_.executor(chosen.job) == chosen.executor) return;
  problems_.Expect(granted_[chosen.job] == 0,
                   "R40 a job moves when nothing of it is granted");
  ledger_.Chosen(chosen.job, chosen.executor);
}

void SimulatedCoordinator::CheckBackOff(MonotonicTime decided,
                                        const TasksGranted& grant) {
  if (grant.fence.value == 1) return;
  for (uint64_t i = 0; i < grant.tasks.count; ++i) {
    const auto found = back_off_.find({grant.job, grant.tasks.first + i});
    if (found == back_off_.end()) continue;
    problems_.Expect(decided >= found->second, "R13 no try before its time");
    back_off_.erase(found);
  }
}

// What is recorded is of the attempt that the task was granted for last.
void SimulatedCoordinator::CheckEnded(MonotonicTime decided,
                                      const AttemptsEnded& ended) {
  problems_.Expect(ended.executor == ledger_.executor(ended.job),
                   "R40 a recorded attempt ran on its job's executor");
  for (const AttemptsEnded::Run& run : ended.runs) {
    granted_[ended.job] -= run.ended.tasks.count;
    for (uint64_t i = 0; i < run.ended.tasks.count; ++i) {
      const TaskIndex task = run.ended.tasks.first + i;
      problems_.Expect(
          run.ended.fence == ledger_.last_granted(ended.job, task) &&
              ended.agent == ledger_.granted_to(ended.job, task),
          "R8 only the current attempt's result is recorded");
      if (run.state == TaskState::kPending && run.not_before > ended.at) {
        back_off_[{ended.job, task}] = decided + (run.not_before - ended.at);
      }
      if (!run.ended.started) continue;
      const AttemptId attempt = {
          .job = ended.job, .task = task, .fence = run.ended.fence};
      const bool must_have_happened = run.ended.ending == Ending::kSucceeded ||
                                      run.ended.ending == Ending::kError ||
                                      run.ended.ending == Ending::kCrash ||
                                      run.ended.ending == Ending::kOom;
      problems_.Expect(
          !must_have_happened || ledger_.Happened(attempt, run.ended.ending),
          "R10 a recorded end is one that happened");
    }
  }
}

void SimulatedCoordinator::SendOne(const Send& send) {
  if (const auto* to_client = std::get_if<ToClient>(&send)) {
    absl::StatusOr<ReplyFrame> reply =
        DecodeReply(EncodeReply(to_client->reply, to_client->request));
    CHECK_OK(reply);
    sending_.to_client(reply->number, std::move(reply->reply));
    return;
  }
  const auto& to_agent = std::get<ToAgent>(send);
  CoordinatorMessage message = to_agent.message;
  if (auto* grant = std::get_if<Grant>(&message)) {
    for (GrantedRange& range : grant->ranges) {
      const auto job = store_.summaries().find(range.job);
      if (job == store_.summaries().end()) continue;
      // The store adds the items of lists.
      if (job->second.name.ends_with(kListMark)) {
        range.items = ItemsOf(range.tasks);
      }
    }
  } else if (auto* welcome = std::get_if<Welcome>(&message)) {
    welcome->lease = shape_.lease;
    welcome->generation = "one disk";
  } else if (const auto* stop = std::get_if<StopTasks>(&message)) {
    if (bug_ == PlantedBug::kCancelUntold &&
        stop->reason == StopTasks::Reason::kCancelled) {
      return;
    }
  }
  Term term = core_ != nullptr ? core_->term() : Term{};
  std::string frame = EncodeCoordinator(message, term, to_agent.session);
  if (shape_.newer_coordinator) AddUnknownField(frame);
  sending_.to_agent(to_agent.peer, std::move(frame));
}

std::optional<MonotonicTime> SimulatedCoordinator::next_time() const {
  if (!alive()) return std::nullopt;
  std::optional<MonotonicTime> next;
  if (bug_ != PlantedBug::kWallClockForLeases) next = core_->next_time();
  if (!committing_.empty() &&
      (!next.has_value() || committing_.front().at < *next)) {
    next = committing_.front().at;
  }
  return next;
}

void SimulatedCoordinator::EndFaults() {
  calm_ = true;
  disk_is_full_ = false;
  next_sync_fails_ = false;
}

std::vector<std::pair<JobId, ExecutorKind>> SimulatedCoordinator::live_jobs()
    const {
  std::vector<std::pair<JobId, ExecutorKind>> jobs;
  if (!alive()) return jobs;
  for (const JobId id : core_->live_jobs()) {
    jobs.emplace_back(id, core_->summary(id)->executor);
  }
  return jobs;
}

bool SimulatedCoordinator::IsRecorded(const AttemptId& attempt) const {
  const auto job = store_.summaries().find(attempt.job);
  if (job == store_.summaries().end()) return false;
  if (IsTerminal(job->second.state)) return true;
  if (attempt.fence != ledger_.last_granted(attempt.job, attempt.task)) {
    return true;  // it is not current any more
  }
  return IsTerminal(store_.state(attempt.job, attempt.task)) ||
         store_.tries(attempt.job, attempt.task).fence >= attempt.fence.value;
}

std::string SimulatedCoordinator::digest() const {
  return alive() ? core_->StateDigest() : std::string();
}

std::vector<AgentSummary> SimulatedCoordinator::agents() const {
  return alive() ? core_->agents() : std::vector<AgentSummary>();
}

}  // namespace remuda

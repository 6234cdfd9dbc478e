#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "coordinator/core/core.h"
#include "coordinator/core/core_driver.h"
#include "coordinator/core/model_agent.h"
#include "coordinator/core/store_image.h"

namespace remuda {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(200);
// How often in a tick an agent ends some attempts.
constexpr double kPaces[] = {1.0, 0.3, 0.03};
constexpr Duration kFaultsLast = std::chrono::seconds(90);
// All jobs end within this once faults stop: a lease, the longest back-off
// and the work itself.
constexpr Duration kCalmMax = std::chrono::hours(3);

std::string ReplayDigest(const std::vector<Event>& history) {
  Core replayed((CoreOptions()));
  for (const Event& event : history) replayed.Apply(event);
  return replayed.StateDigest();
}

// A coordinator's core, its store, some agents and a client under faults drawn
// from a seed, then without: nothing may be lost, run twice or counted wrong,
// and everything has to end.
class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    now_.monotonic = MonotonicTime(std::chrono::hours(1));
    now_.wall = WallTime(std::chrono::hours(24 * 365 * 50));
    loss_ = static_cast<double>(random_.Below(3)) * 0.04;
    copies_ = static_cast<double>(random_.Below(3)) * 0.1;
    restarts_ = static_cast<double>(random_.Below(3)) * 0.004;
    late_ = static_cast<double>(random_.Below(3)) * 0.1;
    leaves_ = static_cast<double>(random_.Below(3)) * 0.002;
    delay_max_ = 1 + random_.Below(4);
    const uint64_t agents = 1 + random_.Below(4);
    for (uint64_t i = 0; i < agents; ++i) AddAgent();
    for (uint64_t i = 1 + random_.Below(5); i > 0; --i) PlanSubmission();
    Start();
  }

  void Run() {
    const MonotonicTime calm = now_.monotonic + kFaultsLast;
    while (now_.monotonic < calm) Tick();
    loss_ = copies_ = late_ = restarts_ = leaves_ = 0;
    for (AgentSlot& slot : agents_) {
      slot.cut_until = now_.monotonic;
      slot.agent->Hurry();
    }
    const MonotonicTime end = now_.monotonic + kCalmMax;
    while (!AllDone() && now_.monotonic < end) Tick();
    CommitAll();
    Expect(AllDone(), "everything ends once the faults stop" + Unfinished());
    Expect(core_->StateDigest() == ReplayDigest(store_.history()),
           "replay gives the live state");
    CheckEnds();
  }

  std::set<std::string> problems() const {
    std::set<std::string> all = problems_;
    for (const std::string& line : store_.violations()) all.insert(line);
    return all;
  }

 private:
  struct AgentSlot {
    std::unique_ptr<ModelAgent> agent;
    MonotonicTime cut_until{};  // nothing passes
  };
  struct Packet {
    bool to_core = false;
    Peer peer;
    Term term;
    SessionId session;
    AgentMessage up;
    CoordinatorMessage down;
  };
  struct Pending {
    MonotonicTime at{};
    Output output;
  };
  struct Client {
    std::string key;
    std::vector<JobToAccept> jobs;
    std::vector<JobId> ids;  // once accepted
    bool cancels = false;
    MonotonicTime cancel_at{};
    bool cancelled = false;
    MonotonicTime next_try{};
  };

  void Expect(bool holds, const std::string& what) {
    if (!holds) problems_.insert("does not hold: " + what);
  }

  bool Chance(double probability) { return random_.Unit() < probability; }

  void AddAgent() {
    AgentSlot& slot = agents_.emplace_back();
    Replace(slot);
  }

  void Replace(AgentSlot& slot) {
    const ModelAgent::Options options = {.lease = options_.lease,
                                         .credit = 16 + random_.Below(800),
                                         .slots = 1 + random_.Below(400),
                                         .pace = kPaces[random_.Below(3)]};
    slot.agent = std::make_unique<ModelAgent>(
        random_, ledger_, starts_, options,
        "instance-" + std::to_string(++last_instance_));
    slot.agent->Connected(Peer{++last_peer_}, now_.monotonic);
  }

  void PlanSubmission() {
    Client client;
    client.key = "key-" + std::to_string(clients_.size());
    for (uint64_t i = 1 + random_.Below(2); i > 0; --i) {
      const uint64_t tasks =
          Chance(0.5) ? 1 + random_.Below(30) : 1 + random_.Below(3'000);
      JobToAccept job = NoopJob(tasks, client.key + "." + std::to_string(i));
      Job& edited = Edit(job);
      // Not so low that the job would take hours.
      if (Chance(0.4)) edited.concurrency = 1 + tasks / 60 + random_.Below(40);
      edited.priority = static_cast<int32_t>(random_.Below(3));
      edited.retry.attempts_max = static_cast<uint32_t>(1 + random_.Below(4));
      edited.retry.on_crash = Chance(0.7);
      edited.success.failed_max = random_.Below(tasks);
      client.jobs.push_back(std::move(job));
    }
    client.next_try = now_.monotonic + std::chrono::seconds(random_.Below(60));
    client.cancels = Chance(0.3);
    client.cancel_at =
        client.next_try + std::chrono::seconds(random_.Below(40));
    clients_.push_back(std::move(client));
  }

  void Start() {
    core_ = std::make_unique<Core>(options_);
    const absl::Status restored = core_->Restore(now_, store_.Load());
    Expect(restored.ok(), "restore: " + restored.ToString());
    Output output = core_->TakeOutput();
    store_.Commit(output);
    Expect(core_->StateDigest() == ReplayDigest(store_.history()),
           "a restored core equals the replayed history");
  }

  void Restart() {
    if (Chance(0.5)) {
      CommitAll();
      Expect(core_->StateDigest() == ReplayDigest(store_.history()),
             "replay gives the live state");
    }
    committing_.clear();
    network_.clear();
    Start();
    for (AgentSlot& slot : agents_) {
      slot.agent->Connected(Peer{++last_peer_}, now_.monotonic);
    }
  }

  void Transmit(Packet packet) {
    if (Chance(loss_)) return;
    const int copies = Chance(copies_) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      // A copy may come long after.
      const uint64_t ticks = i > 0 && Chance(0.3) ? 50 : delay_max_;
      MonotonicTime at =
          now_.monotonic + kTick * static_cast<int64_t>(random_.Below(ticks));
      // A connection keeps the order, but faults may not.
      if (i == 0 && !Chance(late_)) {
        MonotonicTime& last = last_at_[{packet.peer, packet.to_core}];
        last = at = std::max(at, last);
      }
      network_.emplace(at, packet);
    }
  }

  void Send(const remuda::Send& send) {
    if (const auto* to_agent = std::get_if<ToAgent>(&send)) {
      Transmit({.peer = to_agent->peer,
                .session = to_agent->session,
                .down = to_agent->message});
      return;
    }
    const auto& to_client = std::get<ToClient>(send);
    if (Chance(loss_)) return;
    Client& client = clients_[to_client.request];
    if (const auto* accepted = std::get_if<Accepted>(&to_client.reply)) {
      Expect(accepted->jobs.size() == client.jobs.size(), "accepted whole");
      std::vector<JobId> ids;
      for (const JobSummary& job : accepted->jobs) ids.push_back(job.id);
      Expect(client.ids.empty() || client.ids == ids, "one job a key");
      for (const JobId id : ids) {
        Expect(store_.summaries().contains(id), "an accepted job is stored");
      }
      client.ids = ids;
    } else if (std::holds_alternative<CancelReply>(to_client.reply)) {
      const auto& reply = std::get<CancelReply>(to_client.reply);
      client.cancelled = true;
      if (reply.result == CancelReply::Result::kCancelled) {
        cancelled_.insert(reply.job.id);
      }
    }
  }

  void Tick() {
    now_.monotonic += kTick;
    now_.wall += kTick;
    DeliverDue();
    core_->OnTime(now_);
    for (AgentSlot& slot : agents_) ActAgent(slot);
    for (size_t i = 0; i < clients_.size(); ++i) ActClient(i);
    core_->Dispatch(now_);
    Output output = core_->TakeOutput();
    CheckTurn(output);
    for (const remuda::Send& send : output.at_once) Send(send);
    MonotonicTime at =
        now_.monotonic + kTick * static_cast<int64_t>(random_.Below(4));
    if (!committing_.empty()) at = std::max(at, committing_.back().at);
    committing_.push_back({.at = at, .output = std::move(output)});
    if (Chance(restarts_)) {
      Restart();
      return;
    }
    while (!committing_.empty() && committing_.front().at <= now_.monotonic) {
      CommitFirst();
    }
  }

  void CommitFirst() {
    const Output output = std::move(committing_.front().output);
    committing_.pop_front();
    for (const Event& event : output.events) {
      if (const auto* grant = std::get_if<TasksGranted>(&event)) {
        CheckGrant(*grant);
      }
    }
    store_.Commit(output);
    for (const remuda::Send& send : output.after_commit) Send(send);
  }

  void CommitAll() {
    while (!committing_.empty()) CommitFirst();
  }

  void DeliverDue() {
    while (!network_.empty() && network_.begin()->first <= now_.monotonic) {
      const Packet packet = std::move(network_.begin()->second);
      network_.erase(network_.begin());
      for (AgentSlot& slot : agents_) {
        if (slot.agent->peer() != packet.peer) continue;
        if (slot.cut_until > now_.monotonic) continue;
        if (packet.to_core) {
          core_->OnAgentMessage(now_,
                                {.peer = packet.peer,
                                 .term = packet.term,
                                 .session = packet.session},
                                packet.up);
        } else {
          slot.agent->Hear(now_.monotonic, packet.session, packet.down);
        }
      }
    }
  }

  void ActAgent(AgentSlot& slot) {
    if (Chance(leaves_)) {
      Replace(slot);  // kill -9 and a new process
    } else if (Chance(leaves_)) {
      slot.cut_until = now_.monotonic + std::chrono::seconds(random_.Below(45));
    }
    if (slot.agent->wants_to_reconnect(now_.monotonic)) {
      if (Chance(0.5)) {
        core_->OnAgentUnreachable(now_, slot.agent->peer());
      }
      slot.agent->Connected(Peer{++last_peer_}, now_.monotonic);
    }
    for (ModelAgent::Sent& sent : slot.agent->Act(now_.monotonic)) {
      Transmit({.to_core = true,
                .peer = slot.agent->peer(),
                .term = sent.term,
                .session = sent.session,
                .up = std::move(sent.message)});
    }
    Expect(!slot.agent->over_credit(), "an agent holds no more than credit");
  }

  void ActClient(size_t number) {
    Client& client = clients_[number];
    if (now_.monotonic < client.next_try) return;
    const bool cancel = client.cancels && !client.cancelled &&
                        !client.ids.empty() &&
                        now_.monotonic >= client.cancel_at;
    if (!client.ids.empty() && !cancel) return;
    client.next_try = now_.monotonic + std::chrono::seconds(2);
    if (!cancel) {
      core_->OnSubmit(now_, Peer{1}, number, client.key, client.jobs,
                      store_.Submitted(client.key));
      return;
    }
    std::optional<JobSummary> stored;
    if (!core_->summary(client.ids[0]).has_value()) {
      stored = store_.summary(client.ids[0]);
    }
    core_->OnCancel(now_, Peer{1}, number,
                    {.job = client.ids[0], .reason = "enough"}, stored);
  }

  void CheckTurn(const Output& output) {
    std::set<JobId> seen;
    for (const JobSummary& summary : output.summaries) {
      Expect(seen.insert(summary.id).second, "one summary a job and turn");
    }
    for (const JobId id : core_->live_jobs()) {
      const JobSummary summary = *core_->summary(id);
      const uint64_t cap = CapOf(summary.name);
      Expect(cap == 0 || Running(summary) <= cap, "a cap holds");
    }
    std::set<std::pair<JobId, TaskIndex>> held;
    for (const AgentSlot& slot : agents_) {
      for (const auto& [task, fence] : slot.agent->held()) {
        Expect(held.insert(task).second, "no task runs twice at once");
      }
    }
  }

  static uint64_t Running(const JobSummary& summary) {
    return summary.tasks[static_cast<size_t>(TaskState::kRunning)];
  }

  uint64_t CapOf(const std::string& name) const {
    for (const Client& client : clients_) {
      for (const JobToAccept& job : client.jobs) {
        if (job.job->name == name) return job.job->concurrency;
      }
    }
    return 0;
  }

  void CheckGrant(const TasksGranted& grant) {
    Expect(!cancelled_.contains(grant.job), "nothing starts after a cancel");
    for (uint64_t i = 0; i < grant.tasks.count; ++i) {
      const std::pair task = {grant.job, grant.tasks.first + i};
      Fence& last = last_fence_[task];
      Expect(grant.fence > last, "fences rise");
      last = grant.fence;
      if (grant.fence.value == 1) continue;
      Expect(store_.tries(task.first, task.second).not_before <= grant.at,
             "no try before its time");
    }
  }

  bool AllDone() const {
    for (const Client& client : clients_) {
      if (client.ids.empty()) return false;
      if (client.cancels && !client.cancelled) return false;
      for (const JobId id : client.ids) {
        if (!IsTerminal(store_.summary(id).state)) return false;
      }
    }
    return true;
  }

  // For a person who looks into a seed.
  std::string Unfinished() const {
    std::string text;
    for (const auto& [id, job] : store_.summaries()) {
      if (IsTerminal(job.state)) continue;
      text += "\n  job " + std::to_string(id.value) + " of " +
              std::to_string(job.total) + " at most " +
              std::to_string(CapOf(job.name)) + ":";
      for (const uint64_t count : job.tasks) {
        text += " " + std::to_string(count);
      }
    }
    for (const AgentSummary& agent : core_->agents()) {
      text += "\n  " + agent.name + " " + std::string(Name(agent.state)) +
              " runs " + std::to_string(agent.running);
    }
    return text;
  }

  void CheckEnds() {
    for (const Client& client : clients_) {
      for (size_t i = 0; i < client.ids.size(); ++i) {
        CheckJob(store_.summary(client.ids[i]), client.jobs[i]);
      }
    }
  }

  void CheckJob(const JobSummary& job, const JobToAccept& spec) {
    const bool was_cancelled = job.state == JobState::kCancelled;
    Expect(!cancelled_.contains(job.id) || was_cancelled,
           "a job cancelled stays so");
    std::array<uint64_t, kTaskStates> counts{};
    for (TaskIndex task = 0; task < job.total; ++task) {
      TaskState state = store_.state(job.id, task);
      const TaskTries tries = store_.tries(job.id, task);
      if (state == TaskState::kPending) {
        Expect(was_cancelled, "a task without an end in a job that ended");
        state = TaskState::kCancelled;
      }
      ++counts[static_cast<size_t>(state)];
      const uint32_t failures = tries.attempts - tries.losses;
      Expect(failures <= spec.job->retry.attempts_max, "tries are bounded");
      Expect(tries.losses <= options_.infrastructure_losses_max,
             "losses are bounded");
      const Fence fence{tries.fence};
      const auto began = starts_.lower_bound({job.id, task, Fence{0}});
      const auto end = starts_.lower_bound({job.id, task + 1, Fence{0}});
      const auto starts = static_cast<uint64_t>(std::distance(began, end));
      Expect(tries.attempts <= starts, "no attempt counts that did not begin");
      if (state == TaskState::kLost) {
        Expect(starts >= options_.infrastructure_losses_max,
               "what did not begin so often is not quarantined");
      }
      if (state == TaskState::kSucceeded) {
        Expect(ledger_.contains({job.id, task, fence, Ending::kSucceeded}),
               "a recorded success is one that happened");
      }
      if (state == TaskState::kTimedOut) {
        Expect(ledger_.contains({job.id, task, fence, Ending::kTimeout}),
               "a recorded time-out is one that happened");
      }
    }
    Expect(counts == job.tasks, "a job's counts are those of its tasks");
    const uint64_t against = counts[static_cast<size_t>(TaskState::kFailed)] +
                             counts[static_cast<size_t>(TaskState::kTimedOut)] +
                             counts[static_cast<size_t>(TaskState::kLost)];
    if (was_cancelled) return;
    Expect((job.state == JobState::kSucceeded) ==
               (against <= spec.job->success.failed_max),
           "a job ends by its own policy");
  }

  Random random_;
  const CoreOptions options_;
  Now now_;
  std::unique_ptr<Core> core_;
  StoreImage store_;
  Ledger ledger_;
  Starts starts_;
  std::deque<Pending> committing_;
  std::multimap<MonotonicTime, Packet> network_;
  std::map<std::pair<Peer, bool>, MonotonicTime> last_at_;
  std::vector<AgentSlot> agents_;
  std::vector<Client> clients_;
  std::set<JobId> cancelled_;
  std::map<std::pair<JobId, TaskIndex>, Fence> last_fence_;
  std::set<std::string> problems_;
  uint64_t last_peer_ = 1;
  uint64_t last_instance_ = 0;
  double loss_ = 0;
  double copies_ = 0;
  double late_ = 0;
  double restarts_ = 0;
  double leaves_ = 0;
  uint64_t delay_max_ = 1;
};

class ModelTest : public testing::TestWithParam<int> {};

// 25 seeds an instance, so that a failure names few.
TEST_P(ModelTest, HoldsUnderFaults) {
  for (int i = 0; i < 25; ++i) {
    const auto seed = static_cast<uint64_t>(GetParam() * 25 + i + 1);
    World world(seed);
    world.Run();
    for (const std::string& problem : world.problems()) {
      ADD_FAILURE() << "seed " << seed << ": " << problem;
    }
  }
}

// Sanitizers make each twenty times as long, and find what they look for in a
// few.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSeeds = 20;
#else
constexpr int kSeeds = 100;
#endif

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, testing::Range(0, kSeeds));

}  // namespace
}  // namespace remuda

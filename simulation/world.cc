#include "simulation/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <variant>

#include "base/check.h"
#include "simulation/event_text.h"
#include "simulation/last_words.h"
#include "wire/codec.h"
#include "wire/frame_types.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr WallTime kEpoch = WallTime(std::chrono::hours(24 * 365 * 50));
constexpr MonotonicTime kStart = MonotonicTime(std::chrono::hours(48));
// What remains once faults stop takes no longer: the work, a lease, the
// longest back-off.
constexpr Duration kCalmMax = std::chrono::hours(2);
constexpr Duration kTick = milliseconds(1);
constexpr size_t kHellosKept = 4;  // of a process
// Between two frames that a slow agent reads, at most.
constexpr Duration kSlow = milliseconds(400);
// Ten times what seeds were seen to take: beyond it, something goes round in a
// circle, and would only fill the memory.
constexpr uint64_t kEventsMax = 2'000'000;

}  // namespace

World::World(uint64_t seed, PlantedBug bug, Trace trace)
    : seed_(seed),
      bug_(bug),
      trace_(std::move(trace)),
      random_(seed ^ 0x5eed),
      wishes_(seed ^ 0x3076),
      shape_(DrawShape(seed)),
      now_(kStart),
      ledger_(now_, problems_,
              [this](RunLedger::ProcessNumber process) {
                const auto place = place_of_.find(process);
                if (place == place_of_.end()) return false;
                // Awake again, it ends what it may not go on with.
                return places_[place->second].paused_until +
                           RunningAttempts::kKillGrace + seconds(1) >
                       now_;
              }),
      network_(random_, shape_) {
  coordinator_ = std::make_unique<SimulatedCoordinator>(
      random_, shape_, bug_, ledger_, problems_,
      SimulatedCoordinator::Sending{
          .to_agent =
              [this](Peer peer, std::string frame) {
                for (size_t i = 0; i < places_.size(); ++i) {
                  if (places_[i].peer != peer) continue;
                  network_.Send(now_, {.place = i,
                                       .peer = peer,
                                       .direction = Direction::kToAgent,
                                       .bytes = std::move(frame)});
                  return;
                }
              },
          .to_client =
              [this](uint64_t request, ClientReply reply) {
                if (request == clients_.size()) {
                  problems_.Expect(!std::holds_alternative<Accepted>(reply),
                                   "R3 another submission has another key");
                  return;
                }
                if (!calm_ && Chance(shape_.loss)) return;
                SimulatedClient& client = clients_[request];
                client.OnReply(reply, cancelled_, problems_);
                for (const JobId id : client.ids()) {
                  problems_.Expect(
                      coordinator_->store().summaries().contains(id),
                      "R1 an accepted job is stored");
                }
              },
          .on_stored =
              [this](const Event& event) {
                if (trace_) Say("  stored: " + Describe(event));
                if (const auto* job = std::get_if<JobAccepted>(&event)) {
                  NoteAccepted(*job);
                }
              }});
  if (trace_) ledger_.set_trace([this](const std::string& line) { Say(line); });
  StartCoordinator();
  places_.resize(shape_.agents);
  for (size_t i = 0; i < places_.size(); ++i) {
    NewDisk(places_[i]);
    StartProcess(i);
  }
  for (uint64_t i = 0; i < shape_.submissions; ++i) {
    clients_.emplace_back(random_, shape_, i, now_);
  }
  next_faults_ = next_wishes_ = now_;
}

World::~World() = default;

// The limits are those that were asked for, whatever came of them.
void World::NoteAccepted(const JobAccepted& accepted) {
  for (const SimulatedClient& client : clients_) {
    for (const JobToAccept& job : client.jobs()) {
      if (job.job->name != accepted.job->name) continue;
      ledger_.Accepted(accepted.id, {.cap = job.job->concurrency,
                                     .timeout = job.job->timeout});
    }
  }
}

Now World::now() const {
  return {.monotonic = now_, .wall = kEpoch + (now_ - kStart) + wall_offset_};
}

Duration World::Between(Duration least, Duration most) {
  return least +
         Duration(static_cast<int64_t>(
             random_.Unit() * static_cast<double>((most - least).count())));
}

void World::Say(const std::string& text) const {
  if (trace_ == nullptr) return;
  char time[32];
  std::snprintf(time, sizeof(time), "%12.6f ",
                std::chrono::duration<double>(now_ - kStart).count());
  trace_(time + text);
}

bool World::Paused(const Place& place) const {
  return place.paused_until > now_;
}

bool World::IsBounded() const {
  return network_.delivered() + turns_ < kEventsMax;
}

RunReport World::Run() {
  const LastWords words(
      seed_, bug_ == PlantedBug::kNone ? std::string_view() : Name(bug_));
  Say(Describe(shape_));
  const MonotonicTime calm = now_ + shape_.faults_last;
  while (now_ < calm && IsBounded()) Step();
  EndFaults();
  const MonotonicTime end = now_ + kCalmMax;
  while (!AllDone() && now_ < end && IsBounded() && problems_.found().empty()) {
    Step();
  }
  problems_.Expect(IsBounded(), "R32 nothing goes round in a circle");
  if (problems_.found().empty()) {
    problems_.Expect(AllDone(), "R32 everything ends once faults stop" +
                                    (AllDone() ? "" : Unfinished()));
    problems_.Expect(ledger_.running() == 0,
                     "R15 nothing runs that nobody waits for");
  }
  coordinator_->CheckReplay();
  CheckJobs();
  RunReport report;
  report.problems = problems_.found();
  for (const std::string& line : coordinator_->store().violations()) {
    report.problems.insert("the store refuses: " + line);
  }
  report.digest = std::to_string(std::hash<std::string>()(
      coordinator_->digest() + " " +
      std::to_string(coordinator_->store().history().size()) + " " +
      std::to_string(ledger_.all_starts()) + " " +
      std::to_string(network_.delivered()) + " " +
      std::to_string(now_.time_since_epoch().count())));
  report.events = network_.delivered() + turns_;
  report.attempts = ledger_.all_starts();
  report.virtual_time = now_ - kStart;
  return report;
}

MonotonicTime World::NextMoment() const {
  MonotonicTime next = calm_ ? now_ + seconds(5) : next_faults_;
  if (shape_.moves > 0) next = std::min(next, next_wishes_);
  const auto sooner = [&next](std::optional<MonotonicTime> time) {
    if (time.has_value()) next = std::min(next, *time);
  };
  sooner(network_.next_time());
  sooner(coordinator_starts_at_);
  sooner(disk_has_room_at_);
  if (CoordinatorPaused()) {
    sooner(coordinator_paused_until_);
  } else if (const auto due = coordinator_->next_time(); due.has_value()) {
    sooner(std::max(*due, coordinator_not_before_));
  }
  for (const Place& place : places_) {
    sooner(place.starts_at);
    if (place.process == nullptr) continue;
    sooner(place.process->lease_end());
    if (Paused(place)) {
      sooner(place.paused_until);
      continue;
    }
    sooner(place.dies_at);
    sooner(place.breaks_at);
    sooner(place.connects_at);
    if (!place.unread.empty()) sooner(std::max(place.reads_at, now_));
    const std::optional<MonotonicTime> due = place.process->next_time();
    if (due.has_value()) sooner(std::max(*due, place.not_before));
  }
  if (!CoordinatorPaused()) {
    for (const SimulatedClient& client : clients_) sooner(client.next_time());
    if (!copies_.empty()) sooner(copies_.begin()->first);
  }
  return std::max(next, now_);
}

void World::Step() {
  now_ = NextMoment();
  if (!calm_ && now_ >= next_faults_) {
    next_faults_ = now_ + kFaultStep;
    DrawFaults();
  }
  if (disk_has_room_at_.has_value() && now_ >= *disk_has_room_at_) {
    disk_has_room_at_.reset();
    coordinator_->set_disk_full(false);
    Say("the disk has room");
  }
  if (coordinator_starts_at_.has_value() && now_ >= *coordinator_starts_at_) {
    StartCoordinator();
  }
  Deliver();
  ActClients();
  ActWishes();
  ActCoordinator();
  for (size_t i = 0; i < places_.size(); ++i) ActPlace(i);
}

void World::Deliver() {
  while (std::optional<FrameInFlight> frame = network_.Take(now_)) {
    Place& place = places_[frame->place];
    if (frame->direction == Direction::kToCoordinator) {
      coordinator_unread_.emplace_back(frame->peer, std::move(frame->bytes));
    } else if (place.peer == frame->peer && place.process != nullptr &&
               place.process->connected()) {
      place.unread.push_back(std::move(frame->bytes));
    }
  }
}

void World::ActCoordinator() {
  if (!coordinator_->alive()) {
    coordinator_unread_.clear();
    return;
  }
  if (CoordinatorPaused()) return;
  const std::optional<MonotonicTime> due = coordinator_->next_time();
  if (coordinator_unread_.empty() && (!due.has_value() || *due > now_)) return;
  for (const auto& [peer, frame] : std::exchange(coordinator_unread_, {})) {
    coordinator_->OnFrame(now(), peer, frame);
  }
  ++turns_;
  coordinator_not_before_ = now_ + kTick;
  coordinator_->Turn(now());
  if (coordinator_->alive()) return;
  Say("the coordinator ends for its disk");
  EndCoordinator(Lasting() / 2);
}

void World::ActPlace(size_t number) {
  Place& place = places_[number];
  if (place.starts_at.has_value() && now_ >= *place.starts_at) {
    StartProcess(number);
  }
  if (place.process == nullptr) return;
  place.process->KeepLease(now_);
  if (Paused(place)) return;
  SimulatedAgent& agent = *place.process;
  if (place.dies_at.has_value() && now_ >= *place.dies_at) {
    EndProcess(number, Between(milliseconds(10), seconds(2)));
    return;
  }
  if (place.breaks_at.has_value() && now_ >= *place.breaks_at) {
    Break(number, Between(milliseconds(10), seconds(1)));
  }
  bool acts = false;
  if (place.connects_at.has_value() && now_ >= *place.connects_at &&
      coordinator_->alive() && !network_.IsCut(number, now_)) {
    place.connects_at.reset();
    place.peer = Peer{++last_peer_};
    agent.Connect(now_);
    acts = true;
  } else if (place.connects_at.has_value() && now_ >= *place.connects_at) {
    place.connects_at = now_ + milliseconds(200);
  }
  while (!place.unread.empty() && place.reads_at <= now_) {
    agent.OnFrame(now_, place.unread.front());
    place.unread.pop_front();
    acts = true;
    if (place.slow && !calm_) place.reads_at = now_ + Between(kTick, kSlow);
  }
  const std::optional<MonotonicTime> due = agent.next_time();
  if (!acts && (!due.has_value() || *due > now_)) return;
  ++turns_;
  place.not_before = now_ + kTick;
  agent.Turn(now_);
  SendFrames(number);
  if (agent.is_poisoned() && !place.dies_at.has_value()) {
    // Not before it may have said that the task has begun.
    place.dies_at = now_ + Between(milliseconds(150), seconds(2));
  }
  if (!agent.over()) return;
  const bool is_refused =
      agent.is_foreign() &&
      agent.ended()->ToString().find("speaks protocols") != std::string::npos;
  problems_.Expect(
      agent.ended()->ok() || is_refused,
      "an agent ends without a cause: " + agent.ended()->ToString());
  EndProcess(number, Between(seconds(1), seconds(5)));
}

void World::SendFrames(size_t number, uint64_t frames_max) {
  Place& place = places_[number];
  for (std::string& frame : place.process->TakeFrames()) {
    if (DecodeHeader(frame)->type == frame_types::kAgentBase) {
      place.hellos.push_back(frame);
      if (place.hellos.size() > kHellosKept) place.hellos.pop_front();
    }
    if (!place.process->connected() || frames_max == 0) continue;
    --frames_max;
    network_.Send(now_, {.place = number,
                         .peer = place.peer,
                         .direction = Direction::kToCoordinator,
                         .bytes = std::move(frame)});
  }
}

void World::ActClients() {
  if (CoordinatorPaused()) return;
  for (size_t i = 0; i < clients_.size(); ++i) {
    SimulatedClient& client = clients_[i];
    const SimulatedClient::Wish wish = client.Ask(now_);
    if (wish == SimulatedClient::Wish::kNothing) continue;
    if (!calm_ && Chance(shape_.copies)) {
      copies_.emplace(
          now_ + Between(kTick, seconds(10)),
          Request{.client = i, .wish = wish, .conflicts = Chance(0.3)});
    }
    if (!calm_ && Chance(shape_.loss)) continue;
    Serve({.client = i, .wish = wish});
  }
  while (!copies_.empty() && copies_.begin()->first <= now_) {
    const Request copy = copies_.begin()->second;
    copies_.erase(copies_.begin());
    // Somebody else's, if it conflicts: known by then to be too late.
    if (copy.conflicts && clients_[copy.client].ids().empty()) continue;
    Serve(copy);
  }
}

// Whoever has a job tried on an executor says later what came of it.
void World::ActWishes() {
  if (shape_.moves <= 0 || now_ < next_wishes_) return;
  next_wishes_ = now_ + (calm_ ? seconds(5) : kFaultStep);
  if (CoordinatorPaused()) return;
  bool wished = false;
  for (const auto& [id, executor] : coordinator_->live_jobs()) {
    ExecutorWish wish = {
        .job = id, .executor = executor, .reason = "kept", .tasks_max = {}};
    if (!calm_) {
      if (wishes_.Unit() >= shape_.moves) continue;
      wish.executor = wishes_.Below(2) == 0 ? ExecutorKind::kAsync
                                            : ExecutorKind::kProcessPool;
      wish.reason = "tried";
      if (wishes_.Below(2) == 0) wish.tasks_max = 1 + wishes_.Below(40);
    }
    coordinator_->OnExecutorWish(now(), std::move(wish));
    wished = true;
    if (!coordinator_->alive()) break;
  }
  if (!wished) return;
  ++turns_;
  coordinator_->Turn(now());
  if (!coordinator_->alive()) EndCoordinator(Lasting() / 2);
}

void World::Serve(const Request& request) {
  SimulatedClient& client = clients_[request.client];
  if (request.conflicts) {
    std::vector<JobToAccept> others = client.jobs();
    others.back().digest += "another";
    coordinator_->OnSubmit(now(), clients_.size(), client.key(),
                           std::move(others));
  } else if (request.wish == SimulatedClient::Wish::kSubmit) {
    coordinator_->OnSubmit(now(), request.client, client.key(), client.jobs());
  } else {
    coordinator_->OnCancel(now(), request.client,
                           {.job = client.ids()[0], .reason = "enough"});
  }
  if (!coordinator_->alive()) return;
  ++turns_;
  coordinator_->Turn(now());
  if (!coordinator_->alive()) EndCoordinator(Lasting() / 2);
}

void World::StartProcess(size_t number) {
  Place& place = places_[number];
  place.starts_at.reset();
  place.paused_until = {};
  network_.Forget(number);
  // What is still said to the process before it is not for this one, also not
  // to be heard again.
  place.peer = Peer{++last_peer_};
  // Enough for all the work to be done in some minutes.
  const auto work = static_cast<uint64_t>(
      static_cast<double>(shape_.submissions * shape_.tasks_max) *
      std::chrono::duration<double>(shape_.task_max).count());
  SimulatedAgent::Options options = {
      .process = ++last_process_,
      .disk = &place.disk,
      .seed = seed_,
      .shape = shape_,
      .bug = bug_,
      // Within the drift that leases allow for.
      .clock_rate = 0.997 + 0.006 * random_.Unit(),
      .slots = 1 + work / 300 + random_.Below(shape_.slots_max)};
  // Of its own seed, which leaves runs without lines as they were.
  if (shape_.lines) {
    Random line(seed_ ^ options.process);
    options.line_max = line.Below(4 * options.slots);
  }
  if (shape_.tight) options.limits = DrawLimits(options.slots);
  if (!calm_ && Chance(shape_.skew)) {
    options.version = Chance(0.5) ? SimulatedAgent::Options::Version::kNext
                                  : SimulatedAgent::Options::Version::kForeign;
  }
  place_of_[options.process] = number;
  place.process = std::make_unique<SimulatedAgent>(
      options, now_, ledger_, problems_, [this](const AttemptId& attempt) {
        return coordinator_->IsRecorded(attempt);
      });
  place.slow = Chance(shape_.slow);
  place.reads_at = {};
  place.connects_at = now_;
  Say("agent process " + std::to_string(options.process) + " starts in place " +
      std::to_string(number));
}

void World::NewDisk(Place& place) {
  const std::string number = std::to_string(++last_disk_);
  ledger_.LeftNoMore(place.disk.Ended());
  place.disk = {.instance = std::string(32 - number.size(), '0') + number};
}

void World::EndProcess(size_t number, Duration until_next) {
  Place& place = places_[number];
  place.process->Crash(now_, random_.Below(4));
  Say("agent process " + std::to_string(place.process->process()) + " ends");
  ledger_.Died(place.process->process());
  place.process.reset();
  std::vector<AttemptId> left = place.disk.Ended();
  std::erase_if(left, [this](const AttemptId& attempt) {
    return coordinator_->IsRecorded(attempt);
  });
  ledger_.Left(left);
  if (Chance(shape_.disk_lost)) NewDisk(place);
  place.unread.clear();
  place.hellos.clear();
  place.breaks_at.reset();
  place.connects_at.reset();
  place.dies_at.reset();
  place.paused_until = {};
  if (Chance(0.5)) coordinator_->OnUnreachable(now(), place.peer);
  place.starts_at = now_ + until_next;
}

void World::Break(size_t number, Duration until_next) {
  Place& place = places_[number];
  place.breaks_at.reset();
  if (place.process == nullptr) return;
  if (place.process->connected()) place.process->Disconnect(now_);
  if (Chance(0.5)) network_.Drop(place.peer);
  if (Chance(0.5)) coordinator_->OnUnreachable(now(), place.peer);
  place.connects_at = now_ + until_next;
}

void World::StartCoordinator() {
  coordinator_starts_at_.reset();
  if (coordinator_->Start(now())) {
    Say("the coordinator starts");
    if (!calm_) BringOldThings();
    return;
  }
  coordinator_starts_at_ = now_ + milliseconds(500);
}

void World::EndCoordinator(Duration until_next) {
  coordinator_->Kill();
  coordinator_unread_.clear();
  coordinator_paused_until_ = {};
  coordinator_starts_at_ = now_ + until_next;
  for (size_t i = 0; i < places_.size(); ++i) {
    Break(i, until_next + Between(milliseconds(1), milliseconds(500)));
  }
}

}  // namespace remuda

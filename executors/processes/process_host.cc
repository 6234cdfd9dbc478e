#include "executors/processes/process_host.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "executors/processes/control_groups.h"
#include "executors/processes/process_tree.h"

namespace remuda {
namespace {

// A spawner that dies again and again is replaced at this rate.
constexpr Duration kRelaunchPause = std::chrono::seconds(1);

ProcessEnd EndOf(const SpawnFailed& failed) {
  if (failed.stage == SpawnStage::kLease)
    return ProcessLost{.lease_over = true};
  return failed;
}

ProcessEnd EndOf(const ProcessExited& exited) {
  if (exited.lease_over) return ProcessLost{.lease_over = true};
  return exited;
}

}  // namespace

std::string DescribeLoss(const ProcessLost& lost) {
  return lost.lease_over ? "was ended because the agent's lease was over"
                         : "was lost with the agent's spawner";
}

ProcessHost::ProcessHost(EventLoop& loop, std::unique_ptr<Spawner> spawner,
                         std::string spawner_program, const SpawnerTies& ties,
                         ControlGroupPlaces places)
    : loop_(loop),
      spawner_program_(std::move(spawner_program)),
      ties_(ties),
      name_(RandomHex(16)),
      mark_(ties.owner + name_ + "-"),
      groups_{.places = std::move(places),
              .name = OwnGroupName(name_.substr(0, 8))},
      spawner_(std::move(spawner)) {
  Watch();
}

ProcessHost::~ProcessHost() {
  if (launch_timer_.has_value()) loop_.CancelTimer(*launch_timer_);
  if (spawner_ != nullptr) loop_.Unwatch(spawner_->fd());
  spawner_.reset();
  RemoveGroups();
}

// Of a spawner that has ended; usually it has done so itself.
void ProcessHost::RemoveGroups() const {
  const ControlGroupPlaces& places = groups_.places;
  if (!places.memory.empty()) RemoveGroup(places.memory + "/" + groups_.name);
  if (!places.processes.empty()) {
    RemoveGroup(places.processes + "/" + groups_.name);
  }
}

void ProcessHost::Watch() {
  if (spawner_ == nullptr) return;
  loop_.WatchReadable(spawner_->fd(), [this] { OnReadable(); });
  if (groups_.places.version == 0) return;
  spawner_->UseGroups(groups_);
  has_unsent_ = true;
}

uint64_t ProcessHost::Start(ProcessStart start, Ended ended) {
  const uint64_t id = ++last_id_;
  running_.emplace(id, Running{std::move(ended), start.in_line});
  SpawnRequest request;
  request.id = id;
  request.argv = std::move(start.argv);
  request.environment = std::move(start.environment);
  request.mark = mark_ + std::to_string(id);
  request.environment.push_back("REMUDA_MARK=" + request.mark);
  request.directory = std::move(start.directory);
  request.limits = start.limits;
  request.zygote = std::move(start.zygote);
  request.in_line = start.in_line;
  request.waits = start.waits;
  Held held{std::move(request), std::move(start.descriptors)};
  if (spawner_ == nullptr && held_.empty() && loop_.Now() >= next_launch_ &&
      !Launch()) {
    loop_.Post([this, id] { Report(id, ProcessLost{}); });
  } else if (spawner_ != nullptr) {
    Give(std::move(held));
  } else {
    held_.push_back(std::move(held));
    if (!launch_timer_.has_value()) {
      launch_timer_ = loop_.RunAt(next_launch_, [this] { LaunchForHeld(); });
    }
  }
  return id;
}

// False if that is not possible now.
bool ProcessHost::Launch() {
  next_launch_ = loop_.Now() + kRelaunchPause;
  auto launched = Spawner::Launch(spawner_program_, ties_);
  if (!launched.ok()) return false;
  spawner_ = *std::move(launched);
  Watch();
  return true;
}

void ProcessHost::LaunchForHeld() {
  launch_timer_.reset();
  std::deque<Held> held = std::exchange(held_, {});
  if (held.empty()) return;
  const bool launched = Launch();
  for (Held& one : held) {
    if (launched) {
      Give(std::move(one));
    } else {
      Report(one.request.id, ProcessLost{});
    }
  }
}

void ProcessHost::Give(Held held) {
  held.request.ends_seen = ends_seen_;
  spawner_->Start(std::move(held.request), std::move(held.descriptors));
  has_unsent_ = true;
}

// Ends one that no spawner has heard of; false if it is not such a one.
bool ProcessHost::DropHeld(uint64_t id) {
  const auto found =
      std::find_if(held_.begin(), held_.end(),
                   [id](const Held& one) { return one.request.id == id; });
  if (found == held_.end()) return false;
  const bool waited = found->request.waits;
  const bool leaves_place = found->request.in_line && !waited;
  held_.erase(found);
  if (leaves_place) {
    const auto next =
        std::find_if(held_.begin(), held_.end(),
                     [](const Held& one) { return one.request.waits; });
    if (next != held_.end()) next->request.waits = false;
  }
  loop_.Post([this, id, waited] {
    if (waited) {
      Report(id, SpawnFailed{.id = id, .stage = SpawnStage::kStopped});
    } else {
      Report(id, ProcessLost{});
    }
  });
  return true;
}

void ProcessHost::Signal(uint64_t id, int signal, SignalTarget target) {
  if (DropHeld(id) || spawner_ == nullptr || !running_.contains(id)) return;
  spawner_->Signal({.id = id, .signal = signal, .target = target});
  has_unsent_ = true;
}

void ProcessHost::Flush() {
  if (!has_unsent_ || spawner_ == nullptr || waits_for_room_) return;
  const absl::StatusOr<bool> sent = spawner_->Flush();
  if (!sent.ok()) {
    OnSpawnerDied();
    return;
  }
  has_unsent_ = !*sent;
  if (*sent) return;
  waits_for_room_ = true;
  loop_.WatchWritable(spawner_->fd(), [this] {
    loop_.UnwatchWritable(spawner_->fd());
    waits_for_room_ = false;
    Flush();
  });
}

void ProcessHost::OnReadable() {
  absl::StatusOr<std::vector<SpawnerReport>> reports = spawner_->Take();
  if (!reports.ok()) {
    OnSpawnerDied();
    return;
  }
  for (const SpawnerReport& report : *reports) {
    if (const auto* exited = std::get_if<ProcessExited>(&report)) {
      orphans_killed_ += exited->orphans_killed;
    }
    ends_seen_ += IsEndOfLine(report);
    std::visit([this](const auto& one) { Report(one.id, EndOf(one)); }, report);
  }
}

// Whether the spawner has counted it too.
bool ProcessHost::IsEndOfLine(const SpawnerReport& report) const {
  const auto* failed = std::get_if<SpawnFailed>(&report);
  if (failed != nullptr && failed->stage == SpawnStage::kStopped) return false;
  const auto found =
      running_.find(std::visit([](const auto& one) { return one.id; }, report));
  return found != running_.end() && found->second.in_line;
}

void ProcessHost::OnSpawnerDied() {
  loop_.Unwatch(spawner_->fd());
  spawner_.reset();
  waits_for_room_ = false;
  has_unsent_ = false;
  ends_seen_ = 0;
  // What has escaped it, if it was itself killed.
  orphans_killed_ += KillMarked(mark_);
  RemoveGroups();
  const auto lost = std::exchange(running_, {});
  for (const auto& [id, one] : lost) one.ended(ProcessLost{});
}

void ProcessHost::Report(uint64_t id, const ProcessEnd& end) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  const Running one = std::move(found->second);
  running_.erase(found);
  one.ended(end);
}

}  // namespace remuda

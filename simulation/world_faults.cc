// What goes wrong in a world, and when.
#include <algorithm>

#include "simulation/world.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTick = milliseconds(1);
// After this long without an answer a connection is taken as broken.
constexpr Duration kBrokenAfter = seconds(6);

}  // namespace

// What was on its way for long comes before all else.
void World::BringOldThings() {
  for (const Place& place : places_) {
    if (place.hellos.empty() || !Chance(shape_.old_hello)) continue;
    coordinator_unread_.emplace_back(
        Peer{++last_peer_}, place.hellos[random_.Below(place.hellos.size())]);
  }
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i].ids().empty() || !Chance(shape_.sent_again)) continue;
    copies_.emplace(now_ + Between(kTick, seconds(5)),
                    Request{.client = i,
                            .wish = SimulatedClient::Wish::kSubmit,
                            .conflicts = false});
  }
}

AgentLimits World::DrawLimits(uint64_t slots) {
  AgentLimits limits;
  limits.starts_max = 1 + random_.Below(8);
  limits.batches_max = 1 + random_.Below(3);
  limits.pending_bytes_max = 1 + random_.Below(2'000);
  limits.unacked_ranges_max = 8 + random_.Below(64);
  limits.held_ranges_max = 4 + random_.Below(64);
  // Not so little that the work would take hours.
  limits.credit_max = shape_.tasks_max > 40 ? slots + random_.Below(slots)
                                            : 1 + random_.Below(4);
  limits.wait_max = Between(milliseconds(50), seconds(2));
  limits.begun_pause = Between(Duration(0), milliseconds(100));
  limits.results_pace = {.pause = Between(Duration(0), milliseconds(100)),
                         .enough = 1 + random_.Below(64)};
  return limits;
}

Duration World::Lasting() {
  if (calm_) return milliseconds(10);
  if (!shape_.only_blips) {
    // Around a lease, where most depends on it.
    return random_.Below(3) == 0 ? Between(Duration(0), seconds(2))
                                 : Between(Duration(0), shape_.lease * 2);
  }
  const Duration lasting = Between(Duration(0), shape_.lease / 4);
  quiet_until_ = now_ + lasting + shape_.lease / 2;
  return lasting;
}

bool World::MayFault(double rate) {
  if (rate <= 0) return false;
  const bool drawn = Chance(rate);
  return drawn && now_ >= quiet_until_;
}

void World::DrawFaults() {
  DrawFaultsOfCoordinator();
  for (size_t i = 0; i < places_.size(); ++i) DrawFaultsOfPlace(i);
  if (MayFault(shape_.cut_all)) {
    const Duration lasting = Lasting();
    Say("no agent is reached");
    for (size_t i = 0; i < places_.size(); ++i) {
      network_.Cut(i, Direction::kToCoordinator, now_ + lasting, Chance(0.5));
      network_.Cut(i, Direction::kToAgent, now_ + lasting, Chance(0.5));
    }
  }
  if (MayFault(shape_.clock_jump)) {
    const Duration by = Between(-std::chrono::hours(2), std::chrono::hours(2));
    if (Chance(0.5)) {
      wall_offset_ += by;
    } else {
      Place& place = places_[random_.Below(places_.size())];
      if (place.process != nullptr) place.process->JumpWallClock(by);
    }
    Say("a wall clock jumps");
  }
}

void World::DrawFaultsOfCoordinator() {
  if (MayFault(shape_.coordinator_crash) && coordinator_->alive()) {
    Say("the coordinator is killed");
    EndCoordinator(Lasting() / 2);
  }
  if (MayFault(shape_.coordinator_pause)) {
    Say("the coordinator is stopped");
    coordinator_paused_until_ = now_ + Lasting();
  }
  if (MayFault(shape_.disk_full)) {
    Say("the disk is full");
    coordinator_->set_disk_full(true);
    disk_has_room_at_ = now_ + Lasting() / 2;
  }
  if (MayFault(shape_.fsync_error)) {
    Say("the next sync fails");
    // It will be the next commit, whenever that is; what follows it must not
    // come on top of another blip.
    Lasting();
    coordinator_->FailNextSync();
  }
}

void World::DrawFaultsOfPlace(size_t number) {
  Place& place = places_[number];
  if (place.process == nullptr) return;
  if (MayFault(shape_.agent_crash)) {
    // Between any two of the frames that it is about to send.
    if (!Paused(place) && Chance(0.5)) {
      place.process->Turn(now_);
      SendFrames(number, random_.Below(4));
    }
    EndProcess(number, Between(milliseconds(100), seconds(10)));
    return;
  }
  if (MayFault(shape_.agent_drain) && !Paused(place)) {
    Say("place " + std::to_string(number) + " drains");
    place.process->Drain(now_);
    place.process->Turn(now_);
    SendFrames(number);
    if (place.process->over()) {
      EndProcess(number, Between(seconds(1), seconds(5)));
      return;
    }
  }
  if (MayFault(shape_.agent_pause)) {
    const Duration lasting = Lasting();
    Say("place " + std::to_string(number) + " is stopped");
    place.paused_until = now_ + lasting;
    if (lasting > kBrokenAfter) place.breaks_at = now_ + kBrokenAfter;
  }
  if (MayFault(shape_.reconnect)) {
    Say("place " + std::to_string(number) + " reconnects");
    Break(number, Lasting() / 4);
  }
  if (MayFault(shape_.cut)) CutSomething(number);
}

void World::CutSomething(size_t number) {
  const Duration lasting = Lasting();
  const uint64_t which = random_.Below(3);
  const bool holds = Chance(0.5);
  Say("place " + std::to_string(number) + " is cut");
  if (which != 0) {
    network_.Cut(number, Direction::kToCoordinator, now_ + lasting, holds);
  }
  if (which != 1) {
    network_.Cut(number, Direction::kToAgent, now_ + lasting, holds);
  }
  if (lasting > kBrokenAfter) places_[number].breaks_at = now_ + kBrokenAfter;
}

void World::EndFaults() {
  Say("faults stop");
  calm_ = true;
  network_.EndFaults();
  coordinator_->EndFaults();
  disk_has_room_at_.reset();
  coordinator_paused_until_ = std::min(coordinator_paused_until_, now_);
  for (Place& place : places_) {
    place.paused_until = std::min(place.paused_until, now_);
    place.reads_at = std::min(place.reads_at, now_);
    if (place.starts_at.has_value()) place.starts_at = now_;
  }
}

}  // namespace remuda

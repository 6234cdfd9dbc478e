#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "simulation/agent_disk.h"
#include "simulation/frames_in_flight.h"
#include "simulation/planted_bug.h"
#include "simulation/problems.h"
#include "simulation/run_ledger.h"
#include "simulation/shape.h"
#include "simulation/simulated_agent.h"
#include "simulation/simulated_client.h"
#include "simulation/simulated_coordinator.h"

namespace remuda {

// What a run came to.
struct RunReport {
  std::set<std::string> problems;
  std::string digest;   // the same for the same seed
  uint64_t events = 0;  // frames delivered and turns taken
  uint64_t attempts = 0;
  Duration virtual_time{};
};

// One run: a coordinator, agents and clients in virtual time, first under the
// faults of the seed's shape, then without, until all has come to its end or
// would have to.
//
// Thread: confined to its run; runs share nothing.
class World {
 public:
  // A line for a person, as it happens.
  using Trace = std::function<void(const std::string&)>;

  World(uint64_t seed, PlantedBug bug, Trace trace = nullptr);
  ~World();

  RunReport Run();

 private:
  // Where an agent runs; its processes follow each other.
  struct Place {
    AgentDisk disk;  // outlives the process
    std::unique_ptr<SimulatedAgent> process;
    Peer peer;
    std::deque<std::string> unread;  // while it is stopped or slow
    std::deque<std::string> hellos;  // its process's latest
    bool slow = false;
    MonotonicTime reads_at{};  // the next frame, if it is slow
    MonotonicTime paused_until{};
    std::optional<MonotonicTime> breaks_at;  // its connection
    std::optional<MonotonicTime> connects_at;
    std::optional<MonotonicTime> starts_at;  // the next process
    std::optional<MonotonicTime> dies_at;    // of a poisonous task
    MonotonicTime not_before{};  // of its next turn, so that time passes
  };

  // What reaches the coordinator from a client.
  struct Request {
    size_t client = 0;
    SimulatedClient::Wish wish = SimulatedClient::Wish::kNothing;
    bool conflicts = false;  // other jobs under the client's key
  };

  void NoteAccepted(const JobAccepted& accepted);
  Now now() const;
  bool Chance(double rate) { return random_.Unit() < rate; }
  Duration Between(Duration least, Duration most);
  void Say(const std::string& text) const;
  bool Paused(const Place& place) const;
  bool CoordinatorPaused() const { return coordinator_paused_until_ > now_; }

  void Step();
  MonotonicTime NextMoment() const;
  void Deliver();
  void ActCoordinator();
  void ActPlace(size_t number);
  void ActClients();
  void ActWishes();
  void Serve(const Request& request);
  void SendFrames(size_t number, uint64_t frames_max = UINT64_MAX);

  void StartProcess(size_t number);
  void EndProcess(size_t number, Duration until_next);
  void NewDisk(Place& place);
  void Break(size_t number, Duration until_next);
  void StartCoordinator();
  void EndCoordinator(Duration until_next);
  void BringOldThings();
  AgentLimits DrawLimits(uint64_t slots);

  void DrawFaults();
  void DrawFaultsOfCoordinator();
  void DrawFaultsOfPlace(size_t number);
  void CutSomething(size_t number);
  // How long something lasts; notes it where only blips are allowed.
  Duration Lasting();
  bool MayFault(double rate);
  void EndFaults();

  bool IsBounded() const;
  bool AllDone() const;
  std::string Unfinished() const;
  void CheckJobs();
  void CheckJob(const JobSummary& job, const JobToAccept& spec);
  void CheckTask(const JobSummary& job, const Job& spec, TaskIndex task,
                 TaskState state);

  const uint64_t seed_;
  const PlantedBug bug_;
  const Trace trace_;
  Random random_;
  Random wishes_;  // apart, so that runs without moves are as they were
  const Shape shape_;
  MonotonicTime now_{};
  Problems problems_;
  RunLedger ledger_;
  FramesInFlight network_;
  std::unique_ptr<SimulatedCoordinator> coordinator_;
  std::vector<Place> places_;
  std::vector<SimulatedClient> clients_;
  std::multimap<MonotonicTime, Request> copies_;  // of requests, come late
  std::map<RunLedger::ProcessNumber, size_t> place_of_;

  Duration wall_offset_{};
  MonotonicTime next_faults_{};
  MonotonicTime next_wishes_{};
  MonotonicTime quiet_until_{};
  MonotonicTime coordinator_paused_until_{};
  MonotonicTime coordinator_not_before_{};
  std::optional<MonotonicTime> coordinator_starts_at_;
  std::optional<MonotonicTime> disk_has_room_at_;
  std::vector<std::pair<Peer, std::string>> coordinator_unread_;
  bool calm_ = false;
  std::set<JobId> cancelled_;
  uint64_t last_peer_ = 1;
  uint64_t last_process_ = 0;
  uint64_t last_disk_ = 0;
  uint64_t turns_ = 0;
};

}  // namespace remuda

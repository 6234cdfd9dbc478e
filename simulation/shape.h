#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace remuda {

// How one run of the simulation looks: who takes part and what goes wrong.
// Rates are chances: of a frame, or of each kFaultStep of the phase of faults.
struct Shape {
  // Small or large, so that both whole chunks and single tasks are met.
  uint64_t agents = 1;
  uint64_t submissions = 1;
  uint64_t tasks_max = 100;
  uint64_t slots_max = 8;
  Duration task_max = std::chrono::seconds(1);
  Duration lease = std::chrono::seconds(30);
  Duration faults_last = std::chrono::seconds(60);

  // Of frames.
  double loss = 0;
  double copies = 0;
  double reordered = 0;
  double replayed = 0;  // an older frame of the same agent comes once more
  Duration delay_max = std::chrono::milliseconds(10);

  // Of the coordinator.
  double coordinator_crash = 0;
  double coordinator_pause = 0;
  double disk_full = 0;
  double fsync_error = 0;
  Duration commit_max = std::chrono::milliseconds(5);

  // Of each agent.
  double agent_crash = 0;
  double disk_lost = 0;  // of ends of processes: the next one's is empty
  double agent_drain = 0;
  double agent_pause = 0;
  double reconnect = 0;
  double slow = 0;  // of processes: they read one frame now and then
  double cut = 0;   // no frame passes: both ways, or one
  // Of all agents at once.
  double cut_all = 0;
  double clock_jump = 0;  // of the wall clock, either way
  bool poison = false;    // there are tasks that kill their agent
  double old_hello = 0;   // of its agents' Hellos a coordinator hears an old
                          // one first when it starts
  double sent_again = 0;  // of submissions, whenever a coordinator starts
  double skew = 0;        // of agents' processes: they are of another version
  bool newer_coordinator = false;  // it says things that agents do not know
  bool lines = false;  // process pools hold more than they have slots
  double moves = 0;    // of each job, each kFaultStep: to another executor
  bool tight = false;  // the cores have other limits than they ship with

  // Nothing lasts as long as a lease and no process of an agent ends: then
  // not one attempt may be lost.
  bool only_blips = false;
};

inline constexpr Duration kFaultStep = std::chrono::milliseconds(500);

// Each fault is drawn by itself, so that seeds with few of them say which one
// matters.
Shape DrawShape(uint64_t seed);

// One line for a person.
std::string Describe(const Shape& shape);

}  // namespace remuda

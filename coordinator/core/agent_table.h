#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/clock.h"
#include "coordinator/core/event.h"
#include "coordinator/core/output.h"
#include "coordinator/core/ready_queue.h"
#include "jobs/ids.h"
#include "jobs/states.h"
#include "jobs/work_key.h"
#include "wire/messages.h"

namespace remuda {

// Of what an agent says it is willing to hold.
inline constexpr uint64_t kCreditMax = 1u << 20;

// One registration of an agent over one connection, in this term.
struct Session {
  SessionId id;
  Peer peer;
  std::vector<std::string> job_types;  // sorted
  bool draining = false;
  uint64_t heartbeat = 0;  // sequence of the newest one
  // The last Grant sent; and one that had been sent when some heartbeat came,
  // so that the agent must know it a while after that.
  uint64_t grant_sent = 0;
  uint64_t grant_due = 0;
  MonotonicTime grant_due_from{};
  // Results: the next sequence to take. Unset until the first one if the
  // agent did not say.
  std::optional<uint64_t> results_next;
  bool ack_due = false;
  // What its Hello said of the tasks that it holds. Believed once something is
  // heard in the session: a late copy of an older Hello, which a coordinator
  // that was restarted cannot tell, opens one that nobody uses.
  struct Held {
    std::vector<FencedRange> all;
    std::vector<FencedRange> waiting;
    std::string process;
  };
  std::optional<Held> unconfirmed;

  // What it says of its backlogs; an agent that says nothing holds what its
  // credit allows of any work.
  bool says_backlogs = false;
  std::vector<Backlog> backlogs;
  // Per executor: it holds no more until it has answered to that Grant, with
  // which it got work of which it holds less than its credit says.
  struct Ceiling {
    uint64_t tasks = UINT64_MAX;
    uint64_t until_grant = 0;
  };
  std::array<Ceiling, kExecutorKinds> ceilings;
};

// What the core knows of one agent. What is registered and granted is state;
// session and lease exist live only.
struct AgentEntry {
  AgentRegistered registered;
  std::set<GrantId> grants;
  std::array<uint64_t, kExecutorKinds> slots{};
  std::array<uint64_t, kExecutorKinds> outstanding{};  // running tasks

  // Without one, the agent has not come back since the coordinator's start,
  // or lost its connection: it counts as suspect.
  std::optional<Session> session;
  bool suspect = false;
  MonotonicTime heard{};
  uint64_t hello_number = 0;
  // Of the instance's processes, the one that said Hello last, and the one of
  // which something was heard last. Empty: not known since the start.
  std::string process;
  std::string heard_process;
  std::array<uint64_t, kExecutorKinds> credit{};
  // Per executor, the newest grant of which something is known to have begun:
  // of the older ones all has.
  std::array<GrantId, kExecutorKinds> begun{};
  // Per executor, when waiting tasks were wanted back last; and the least
  // priority that it was granted since it had nothing.
  std::array<MonotonicTime, kExecutorKinds> retracted_at{};
  std::array<int32_t, kExecutorKinds> priority_least{};
  // Per executor, the classes of the ready queue that it can run, and how it
  // stands there.
  std::array<std::vector<ClassId>, kExecutorKinds> classes;
  std::array<bool, kExecutorKinds> is_free{};
  std::array<ReadyQueue::Load, kExecutorKinds> load{};

  bool takes_work() const {
    return session.has_value() && !suspect && !session->draining;
  }
  uint64_t free_credit(ExecutorKind executor) const;
  // The most tasks of that work that it should hold. Needs a session.
  uint64_t LimitOf(ExecutorKind executor, WorkKey work) const;
  ReadyQueue::Load LoadOf(ExecutorKind executor) const;
  AgentState state() const;
};

// The agents that have registered and not left, found by id, instance and
// connection, and the times at which their silence matters. Does not decide
// what follows from silence.
//
// Thread: confined to its owner.
// Lifetime: pointers hold until Remove().
class AgentTable {
 public:
  static constexpr size_t kAgentsMax = 10'000;

  AgentEntry& Register(const AgentRegistered& registered);
  void Remove(AgentId agent);

  AgentEntry* Find(AgentId agent);
  AgentEntry* FindInstance(const std::string& instance);
  AgentEntry* FindPeer(Peer peer);

  // Ends a session it may have had before; the peer's, too.
  void OpenSession(AgentEntry& agent, Session session);
  void CloseSession(AgentEntry& agent);

  // One wake-up an agent, at the latest one set.
  void WakeAt(AgentId agent, MonotonicTime at);
  std::optional<MonotonicTime> next_wake() const;
  // The agents whose time has come, each with its wake-up removed.
  std::vector<AgentId> TakeWoken(MonotonicTime now);

  std::map<AgentId, AgentEntry>& all() { return agents_; }
  const std::map<AgentId, AgentEntry>& all() const { return agents_; }
  size_t size() const { return agents_.size(); }

 private:
  std::map<AgentId, AgentEntry> agents_;
  absl::flat_hash_map<std::string, AgentId> by_instance_;
  absl::flat_hash_map<Peer, AgentId> by_peer_;
  std::set<std::pair<MonotonicTime, AgentId>> wakes_;
  absl::flat_hash_map<AgentId, MonotonicTime> wake_of_;
};

}  // namespace remuda

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "jobs/ids.h"
#include "jobs/states.h"

namespace remuda {

// A job type on an executor whose tasks take so many slots, numbered from 0 in
// order of first use. Jobs of one class can run on the same agents.
struct ClassId {
  uint32_t value = 0;

  friend auto operator<=>(const ClassId&, const ClassId&) = default;
};

// Where jobs that have something to grant meet agents that have room: per
// class, jobs by priority and order of acceptance, and agents with free
// credit. Finding the next pair looks at each class once, never at each job
// or agent. Does not decide how much an agent gets.
//
// Thread: confined to its owner.
class ReadyQueue {
 public:
  // The number of a class; `is_new` if it is seen for the first time.
  struct Interned {
    ClassId id;
    bool is_new = false;
  };
  Interned Intern(const std::string& type, ExecutorKind executor,
                  uint32_t slots_each = 1);

  size_t class_count() const { return classes_.size(); }
  const std::string& type(ClassId id) const { return at(id).type; }
  ExecutorKind executor(ClassId id) const { return at(id).executor; }
  uint32_t slots_each(ClassId id) const { return at(id).slots_each; }

  void SetReady(ClassId id, int32_t priority, JobId job, bool ready);
  void SetFree(ClassId id, AgentId agent, bool is_free);

  // The first job by priority, then by acceptance, of all classes for which
  // there is a free agent.
  std::optional<JobId> Best() const;

  // How the tasks that an agent holds compare with its slots.
  enum class Load : uint8_t {
    kFull,
    kSpare,   // has empty slots
    kBehind,  // holds more than it can run: some wait
  };
  void SetLoad(ClassId id, AgentId agent, Load from, Load to);

  // Where tasks wait with one agent although they need not, or ought to make
  // room: there is nothing to grant and another agent has empty slots; or
  // there is and no agent has room.
  struct Need {
    ClassId id;
    // Work of less priority has to make room; if not set, any of the class
    // may go elsewhere.
    std::optional<int32_t> priority;
  };
  bool has_needs() const;
  std::vector<Need> Needs() const;
  // Up to so many agents with waiting tasks, in turn.
  std::vector<AgentId> NextBehind(ClassId id, size_t agents_max);

  size_t free_agents(ClassId id) const { return at(id).free.size(); }

  // The agents in turn, so that all get some. None if none is free.
  std::optional<AgentId> NextFree(ClassId id);

 private:
  // Lower is sooner.
  using Place = std::pair<int64_t, JobId>;

  struct Class {
    std::string type;
    ExecutorKind executor = ExecutorKind::kProcessPool;
    uint32_t slots_each = 1;
    std::set<Place> ready;
    std::set<AgentId> free;
    AgentId served;  // the last one given out
    std::set<AgentId> spare;
    std::set<AgentId> behind;
    AgentId asked;  // the last one of NextBehind()
  };

  static std::optional<Need> NeedOf(const Class& entry);

  const Class& at(ClassId id) const { return classes_[id.value]; }

  std::vector<Class> classes_;
  std::map<std::tuple<std::string, ExecutorKind, uint32_t>, ClassId> ids_;
};

}  // namespace remuda

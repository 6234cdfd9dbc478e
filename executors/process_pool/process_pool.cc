#include "executors/process_pool/process_pool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "executors/process_pool/command_parameters.h"

namespace remuda {
namespace {

// Programs that host workers; each keeps some warm.
constexpr size_t kGroupsMax = 64;

// How many commands may wait in the spawner for each that runs, and for all of
// them together unless that is fewer than run: each holds four descriptors.
constexpr size_t kNextMax = 8;
constexpr size_t kNextAllMax = 64;

// How often busy workers are looked at for tasks that are held up.
constexpr Duration kLookPause = std::chrono::milliseconds(10);

size_t SlotsOf(const PoolTask& task) {
  return task.attempt.work->job.resources.cpu;
}

}  // namespace

ProcessPool::ProcessPool(EventLoop& loop, const ProcessPoolOptions& options,
                         std::unique_ptr<Spawner> spawner,
                         OutcomeQueue& outcomes)
    : loop_(loop),
      options_(options),
      outcomes_(outcomes),
      capacity_(options.slots),
      host_(loop, std::move(spawner), options.spawner_program, options.ties,
            options.groups),
      commands_(
          loop, host_, oom_, options_, [this](PoolTask& task) { Leave(task); },
          [this](PoolTask& task, Outcome outcome) {
            if (std::erase(next_commands_, &task) == 0) {
              command_slots_used_ -= SlotsOf(task);
            }
            service_time_.Add(outcome.ending, outcome.wall);
            End(task, std::move(outcome));
          }) {
  loop_.AddTurnEnd([this] { TurnEnd(); });
}

size_t ProcessPool::CapacityMax(const ProcessPoolOptions& options) {
  return options.slots * (1 + ServiceTime::kWaitingMax);
}

void ProcessPool::Start(std::vector<Attempt> batch) {
  for (Attempt& attempt : batch) {
    auto task = std::make_unique<PoolTask>();
    task->attempt = std::move(attempt);
    PoolTask& added = *task;
    tasks_.emplace(added.attempt.id, std::move(task));
    Add(added);
  }
  work_changed_ = true;
}

void ProcessPool::Add(PoolTask& task) {
  if (SlotsOf(task) > options_.slots) {
    Outcome outcome;
    outcome.ending = Ending::kError;
    outcome.error = "the task needs " + std::to_string(SlotsOf(task)) +
                    " cpus, and the process pool of this agent has " +
                    std::to_string(options_.slots) +
                    " slots; lower resources.cpu, or give the agent more "
                    "with --slots process-pool=N";
    End(task, std::move(outcome));
    return;
  }
  if (task.attempt.work->job.type == "command") {
    waiting_commands_.push_back(&task);
    return;
  }
  const absl::StatusOr<size_t> group = GroupFor(task.attempt);
  if (group.ok()) {
    task.group = *group;
    groups_[*group]->Add(task);
    return;
  }
  Outcome outcome;
  outcome.ending = Ending::kError;
  outcome.error = std::string(group.status().message());
  End(task, std::move(outcome));
}

// The workers that run such attempts: one group for each program, which the
// job may name.
absl::StatusOr<size_t> ProcessPool::GroupFor(const Attempt& attempt) {
  const Job& job = attempt.work->job;
  const auto command = std::find_if(
      options_.workers.begin(), options_.workers.end(),
      [&](const WorkerCommand& one) {
        return std::find(one.job_types.begin(), one.job_types.end(),
                         job.type) != one.job_types.end();
      });
  CHECK(command != options_.workers.end());  // Start() has refused others
  WorkerCommand wanted = *command;
  const std::string& parameter = command->program_parameter;
  // Most jobs do not name it; those need not be parsed.
  if (!parameter.empty() &&
      job.with.find("\"" + parameter + "\"") != std::string::npos) {
    const auto text =
        attempt.work->parameters.Render(attempt.item, attempt.id.task);
    if (!text.ok()) return text.status();
    const std::string program = TextParameter(*text, parameter);
    if (!program.empty()) wanted.argv.front() = program;
  }
  // What a worker may use is fixed when it starts.
  wanted.cpus = job.resources.cpu;
  wanted.limits = {.memory_bytes = job.resources.memory_bytes,
                   .processes = kTaskProcessesMax};
  const std::string key = wanted.name + "\n" + wanted.argv.front() + "\n" +
                          std::to_string(job.resources.cpu) + "\n" +
                          std::to_string(job.resources.memory_bytes);
  const auto found = group_of_.find(key);
  if (found != group_of_.end()) return found->second;
  if (groups_.size() >= kGroupsMax) {
    return absl::InvalidArgumentError(
        "this agent already has workers of " + std::to_string(kGroupsMax) +
        " different programs or resources, which is its limit");
  }
  groups_.push_back(std::make_unique<WorkerGroup>(
      loop_, host_, oom_, options_, std::move(wanted),
      [this](PoolTask& task, Outcome outcome) {
        service_time_.Add(outcome.ending, outcome.wall);
        End(task, std::move(outcome));
      },
      [this](Finding finding) { outcomes_.PushFinding(std::move(finding)); },
      [this] { work_changed_ = true; }));
  return group_of_[key] = groups_.size() - 1;
}

void ProcessPool::Cancel(AttemptId id, CancelMode mode) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  Stop(*found->second, PoolTask::Stop::kCancelled, mode == CancelMode::kForce);
}

void ProcessPool::Drain(MonotonicTime deadline) {
  loop_.RunAt(deadline, [this] {
    std::vector<AttemptId> left;
    for (const auto& [id, task] : tasks_) left.push_back(id);
    std::sort(left.begin(), left.end());
    for (const AttemptId id : left) {
      const auto found = tasks_.find(id);
      if (found == tasks_.end()) continue;
      Stop(*found->second, PoolTask::Stop::kEvicted, true);
    }
  });
}

void ProcessPool::Stop(PoolTask& task, PoolTask::Stop why, bool force) {
  if (task.stop == PoolTask::Stop::kNone) task.stop = why;
  task.forced |= force;
  switch (task.place) {
    case PoolTask::Place::kQueued:
      if (task.attempt.work->job.type != "command") break;
      std::erase(waiting_commands_, &task);
      {
        Outcome outcome;
        outcome.ending = StoppedEnding(task);
        outcome.started = false;
        End(task, std::move(outcome));
      }
      return;
    case PoolTask::Place::kCommand:
      commands_.Stop(task, force ? CancelMode::kForce : CancelMode::kAsk);
      return;
    case PoolTask::Place::kWorker:
      break;
  }
  groups_[task.group]->Stop(task,
                            force ? CancelMode::kForce : CancelMode::kAsk);
}

// Gives free slots to commands and groups, each time beginning with the next,
// so that a stream of one kind does not keep the others out. A wide task that
// does not fit yet keeps what is free: nothing behind it overtakes it, and it
// is the first to be asked again.
void ProcessPool::Pump() {
  const size_t kinds = groups_.size() + 1;
  size_t waiting = waiting_commands_.empty() ? 0 : 1;
  for (const auto& group : groups_) waiting += group->has_waiting();
  for (size_t i = 0; i < kinds; ++i) {
    const size_t kind = (first_turn_ + i) % kinds;
    const size_t used = SlotsInUse();
    const size_t free = options_.slots - std::min(options_.slots, used);
    const size_t wanted = SlotsWanted(kind);
    PumpKind(kind, free, waiting > 1);
    if (wanted > 1 && wanted > free && SlotsWanted(kind) > 0) {
      first_turn_ = kind;
      return;
    }
  }
  first_turn_ = (first_turn_ + 1) % kinds;
}

void ProcessPool::PumpKind(size_t kind, size_t free, bool others_wait) {
  if (kind == groups_.size()) {
    PumpCommands(free);
  } else {
    WorkerGroup& group = *groups_[kind];
    group.Pump(free / group.command().cpus, others_wait);
  }
}

size_t ProcessPool::SlotsInUse() const {
  size_t used = command_slots_used_;
  for (const auto& group : groups_) {
    used += group->busy() * group->command().cpus;
  }
  return used;
}

// Of the task that is next there; 0 if none waits.
size_t ProcessPool::SlotsWanted(size_t kind) const {
  if (kind == groups_.size()) {
    return waiting_commands_.empty() ? 0 : SlotsOf(*waiting_commands_.front());
  }
  const WorkerGroup& group = *groups_[kind];
  return group.has_waiting() ? group.command().cpus : 0;
}

void ProcessPool::PumpCommands(size_t free) {
  while (!waiting_commands_.empty() &&
         SlotsOf(*waiting_commands_.front()) <= free) {
    PoolTask& task = *waiting_commands_.front();
    waiting_commands_.pop_front();
    free -= SlotsOf(task);
    command_slots_used_ += SlotsOf(task);
    const bool runs = commands_.Start(task, CommandRunner::Turn::kNow);
    commands_running_ += runs;
  }
}

// A short command begins as soon as another ends, without the way there and
// back in between: at most what a slot does in ServiceTime::kWaitMax for each
// that runs, while nobody else waits for the slots.
void ProcessPool::LineUpCommands() {
  const size_t each = std::min(service_time_.Waiting(), kNextMax);
  if (each == 0) return;
  const size_t next_max = std::max(
      commands_running_, std::min(commands_running_ * each, kNextAllMax));
  for (const auto& group : groups_) {
    if (group->has_waiting()) return;
  }
  while (next_commands_.size() < next_max && !waiting_commands_.empty() &&
         SlotsOf(*waiting_commands_.front()) == 1) {
    PoolTask& task = *waiting_commands_.front();
    waiting_commands_.pop_front();
    next_commands_.push_back(&task);
    commands_.Start(task, CommandRunner::Turn::kNext);
  }
}

// The place of a process that has ended is its successor's; one that had not
// begun, and was lost, has none.
void ProcessPool::Leave(const PoolTask& task) {
  if (std::find(next_commands_.begin(), next_commands_.end(), &task) !=
      next_commands_.end()) {
    return;
  }
  --commands_running_;
  if (next_commands_.empty()) return;
  command_slots_used_ += SlotsOf(*next_commands_.front());
  ++commands_running_;
  commands_.Begin(*next_commands_.front());
  next_commands_.pop_front();
}

void ProcessPool::Look() {
  size_t busy = 0;
  for (const auto& group : groups_) {
    group->Look();
    busy += group->busy();
  }
  looks_ = busy > 0;
  if (looks_) loop_.RunAfter(kLookPause, [this] { Look(); });
}

void ProcessPool::TurnEnd() {
  // What is started may fail at once, which makes room for more.
  while (std::exchange(work_changed_, false)) {
    Pump();
    LineUpCommands();
  }
  if (!looks_ && !groups_.empty()) Look();
  for (const auto& group : groups_) group->Flush();
  host_.Flush();
  // What waits in the spawner is on its way already.
  capacity_.store(std::min(options_.slots * service_time_.EachSlotMax() +
                               next_commands_.size(),
                           CapacityMax(options_)),
                  std::memory_order_relaxed);
  WorkerNumbers numbers;
  for (const auto& group : groups_) group->Count(numbers);
  numbers.orphans_killed = host_.orphans_killed();
  {
    // Before the outcomes: who has seen those finds them counted.
    MutexLock lock(mutex_);
    numbers_ = numbers;
  }
  outcomes_.PushAll(ended_);
  if (work_changed_) loop_.Post([] {});  // another turn
}

void ProcessPool::End(PoolTask& task, Outcome outcome) {
  outcome.id = task.attempt.id;
  ended_.push_back(std::move(outcome));
  tasks_.erase(task.attempt.id);
  work_changed_ = true;
}

}  // namespace remuda

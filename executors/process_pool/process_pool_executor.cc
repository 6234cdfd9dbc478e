#include "executors/process_pool/process_pool_executor.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "executors/process_pool/process_pool.h"

namespace remuda {
namespace {

constexpr size_t kSlotsMax = 4096;

// What a warm worker costs a task, by order of magnitude.
constexpr Duration kCostPerTask = std::chrono::microseconds(10);

absl::Status MakeFolder(const std::string& path, const char* what) {
  if (path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError(std::string(what) +
                                      " must be an absolute path");
  }
  // Parents too: each prefix that a slash ends, then all of it.
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string prefix = path.substr(0, end);
    if (mkdir(prefix.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, "make the folder " + prefix);
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

std::vector<std::string> JobTypes(const ProcessPoolOptions& options) {
  std::vector<std::string> types;
  if (options.runs_commands) types.push_back("command");
  for (const WorkerCommand& worker : options.workers) {
    types.insert(types.end(), worker.job_types.begin(), worker.job_types.end());
  }
  std::sort(types.begin(), types.end());
  return types;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessPoolExecutor>>
ProcessPoolExecutor::Create(ProcessPoolOptions options,
                            std::unique_ptr<Spawner> spawner,
                            const Clock& clock, Notify notify) {
  if (options.slots == 0 || options.slots > kSlotsMax) {
    return absl::InvalidArgumentError("the process pool has 1 to " +
                                      std::to_string(kSlotsMax) + " slots");
  }
  absl::Status status = MakeFolder(options.work_folder, "work_folder");
  if (status.ok()) status = MakeFolder(options.log_folder, "log_folder");
  if (!status.ok()) return status;
  return std::unique_ptr<ProcessPoolExecutor>(new ProcessPoolExecutor(
      std::move(options), std::move(spawner), clock, std::move(notify)));
}

ProcessPoolExecutor::ProcessPoolExecutor(ProcessPoolOptions options,
                                         std::unique_ptr<Spawner> spawner,
                                         const Clock& clock, Notify notify)
    : facts_{.kind = ExecutorKind::kProcessPool,
             .slots = options.slots,
             .may_block = true,
             .isolated = true,
             .killable = true,
             .cost_per_task = kCostPerTask},
      job_types_(JobTypes(options)),
      capacity_max_(ProcessPool::CapacityMax(options)),
      admission_(capacity_max_),
      outcomes_(std::move(notify)),
      loop_(clock),
      pool_(std::make_unique<ProcessPool>(loop_, options, std::move(spawner),
                                          outcomes_)),
      thread_([this] { loop_.Run(); }) {}

ProcessPoolExecutor::~ProcessPoolExecutor() {
  loop_.Stop();
  thread_.join();
  pool_.reset();
}

size_t ProcessPoolExecutor::capacity() const {
  promised_ = pool_->capacity();
  return RoomUpTo(promised_);
}

size_t ProcessPoolExecutor::RoomUpTo(size_t attempts) const {
  const size_t held = capacity_max_ - admission_.room();
  return attempts > held ? attempts - held : 0;
}

absl::Status ProcessPoolExecutor::Start(std::span<const Attempt> batch) {
  if (batch.empty()) return absl::OkStatus();
  const JobWork* known = nullptr;
  for (const Attempt& attempt : batch) {
    if (attempt.work.get() == known) continue;
    known = attempt.work.get();
    if (!std::binary_search(job_types_.begin(), job_types_.end(),
                            known->job.type)) {
      return absl::InvalidArgumentError(
          "the process pool of this agent does "
          "not run jobs of type '" +
          known->job.type + "'");
    }
  }
  const absl::Status status =
      admission_.Admit(batch, RoomUpTo(std::max(promised_, pool_->capacity())));
  if (!status.ok()) return status;
  loop_.Post([pool = pool_.get(), attempts = std::vector<Attempt>(
                                      batch.begin(), batch.end())]() mutable {
    pool->Start(std::move(attempts));
  });
  return absl::OkStatus();
}

void ProcessPoolExecutor::Cancel(AttemptId id, CancelMode mode) {
  if (!admission_.holds(id)) return;
  loop_.Post([pool = pool_.get(), id, mode] { pool->Cancel(id, mode); });
}

std::vector<Outcome> ProcessPoolExecutor::TakeOutcomes() {
  std::vector<Outcome> outcomes = outcomes_.TakeAll();
  admission_.Release(outcomes);
  return outcomes;
}

WorkerNumbers ProcessPoolExecutor::workers() const { return pool_->workers(); }

void ProcessPoolExecutor::Drain(MonotonicTime deadline) {
  admission_.Close();
  loop_.Post([pool = pool_.get(), deadline] { pool->Drain(deadline); });
}

}  // namespace remuda

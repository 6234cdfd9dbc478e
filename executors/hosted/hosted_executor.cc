#include "executors/hosted/hosted_executor.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "executors/hosted/hosted_pool.h"
#include "executors/workers/worker_choice.h"

namespace remuda {
namespace {

constexpr size_t kSlotsMax = 1'000'000;
constexpr size_t kWorkersMax = 4096;

// What a task costs in a Python worker, by order of magnitude.
constexpr Duration kCostPerTask = std::chrono::microseconds(50);

absl::Status MakeFolder(const std::string& path, const char* what) {
  if (path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError(std::string(what) +
                                      " must be an absolute path");
  }
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::InternalError("cannot make the folder " + path + ": " +
                               error.message());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HostedExecutor>> HostedExecutor::Create(
    HostedOptions options, const Clock& clock, Notify notify) {
  if (options.kind == ExecutorKind::kProcessPool) {
    return absl::InvalidArgumentError(
        "a hosted executor is async or thread-pool");
  }
  if (options.slots == 0 || options.slots > kSlotsMax ||
      options.workers_max == 0 || options.workers_max > kWorkersMax) {
    return absl::InvalidArgumentError(
        "a hosted executor has 1 to " + std::to_string(kSlotsMax) +
        " slots in 1 to " + std::to_string(kWorkersMax) + " workers");
  }
  absl::Status status = MakeFolder(options.work_folder, "work_folder");
  if (status.ok()) status = MakeFolder(options.log_folder, "log_folder");
  if (!status.ok()) return status;
  return std::unique_ptr<HostedExecutor>(
      new HostedExecutor(options, clock, std::move(notify)));
}

HostedExecutor::HostedExecutor(const HostedOptions& options, const Clock& clock,
                               Notify notify)
    : workers_(options.workers),
      facts_{.kind = options.kind,
             .slots = options.slots,
             .may_block = options.kind == ExecutorKind::kThreadPool,
             .isolated = false,
             .killable = false,
             .cost_per_task = kCostPerTask},
      admission_(options.slots),
      outcomes_(std::move(notify)),
      loop_(clock),
      pool_(std::make_unique<HostedPool>(loop_, options, outcomes_)),
      thread_([this] { loop_.Run(); }) {}

HostedExecutor::~HostedExecutor() {
  loop_.Stop();
  thread_.join();
  pool_.reset();
}

absl::Status HostedExecutor::Start(std::span<const Attempt> batch) {
  if (batch.empty()) return absl::OkStatus();
  const JobWork* known = nullptr;
  for (const Attempt& attempt : batch) {
    if (attempt.work.get() == known) continue;
    known = attempt.work.get();
    if (!HasWorkerFor(workers_, known->job.type)) {
      return absl::InvalidArgumentError(
          "no worker of this agent runs jobs of type '" + known->job.type +
          "' on the executor " + std::string(Name(facts_.kind)));
    }
  }
  const absl::Status status = admission_.Admit(batch, admission_.room());
  if (!status.ok()) return status;
  loop_.Post([pool = pool_.get(), attempts = std::vector<Attempt>(
                                      batch.begin(), batch.end())]() mutable {
    pool->Start(std::move(attempts));
  });
  return absl::OkStatus();
}

void HostedExecutor::Cancel(AttemptId id, CancelMode mode) {
  if (!admission_.holds(id)) return;
  loop_.Post([pool = pool_.get(), id, mode] { pool->Cancel(id, mode); });
}

std::vector<Outcome> HostedExecutor::TakeOutcomes() {
  std::vector<Outcome> outcomes = outcomes_.TakeAll();
  admission_.Release(outcomes);
  return outcomes;
}

WorkerNumbers HostedExecutor::workers() const { return pool_->workers(); }

void HostedExecutor::Drain(MonotonicTime deadline) {
  admission_.Close();
  loop_.Post([pool = pool_.get(), deadline] { pool->Drain(deadline); });
}

}  // namespace remuda

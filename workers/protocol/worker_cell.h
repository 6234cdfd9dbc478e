#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "base/file_descriptor.h"

namespace remuda {

// A few bytes that a worker and the pool share (docs/WORKER_PROTOCOL.md), so
// that the pool knows at any moment which task runs, and can take back those
// that do not run yet from a worker that is too busy to answer. Costs neither
// side a system call.
//
// Each side first writes what it wants and then reads what the other wrote;
// both in one total order. So a task that was taken back is never begun.
//
// Thread: one in each process. Validated by the pool's side only: a worker
// may write anything.
class WorkerCell {
 public:
  // Errors: ResourceExhausted, Internal.
  static absl::StatusOr<WorkerCell> Make();

  // On the worker's side. Errors: Internal.
  static absl::StatusOr<WorkerCell> Open(int fd);

  WorkerCell(WorkerCell&& other) noexcept;
  WorkerCell& operator=(WorkerCell&& other) = delete;
  ~WorkerCell();

  // The descriptor to give to a worker; only after Make().
  const UniqueFd& fd() const { return fd_; }

  // For the pool: the task that the worker has begun last; 0 for none.
  uint64_t Current() const;

  // For the pool: the tasks from `first` up to and excluding `end` shall not
  // begin. Only after the worker has passed an earlier range of this.
  void Revoke(uint64_t first, uint64_t end);

  // For the worker: says that `task` begins. False if it must not.
  bool Begin(uint64_t task);

  // For the worker: no task runs.
  void Rest();

 private:
  struct Layout;

  WorkerCell(UniqueFd fd, Layout* layout) : fd_(std::move(fd)), at_(layout) {}
  static absl::StatusOr<WorkerCell> Map(UniqueFd fd, int mapped);

  UniqueFd fd_;
  Layout* at_;  // null after a move
};

}  // namespace remuda

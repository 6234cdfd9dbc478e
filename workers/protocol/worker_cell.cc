#include "workers/protocol/worker_cell.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <limits>

namespace remuda {

// Numbers of eight bytes in the machine's order. Sequentially consistent
// accesses all, as the promise of the class needs one total order.
struct WorkerCell::Layout {
  std::atomic<uint64_t> current;
  std::atomic<uint64_t> revoked_first;
  std::atomic<uint64_t> revoked_end;

  static constexpr size_t kBytes = 64;
};

absl::StatusOr<WorkerCell> WorkerCell::Make() {
  static_assert(sizeof(Layout) <= Layout::kBytes);
  static_assert(std::atomic<uint64_t>::is_always_lock_free);
  UniqueFd fd(memfd_create("remuda-worker", MFD_CLOEXEC));
  if (!fd.valid() ||
      ftruncate(fd.get(), static_cast<off_t>(Layout::kBytes)) != 0) {
    return ErrnoStatus(errno, "make shared memory for a worker");
  }
  const int number = fd.get();
  return Map(std::move(fd), number);
}

absl::StatusOr<WorkerCell> WorkerCell::Open(int fd) {
  return Map(UniqueFd(), fd);
}

absl::StatusOr<WorkerCell> WorkerCell::Map(UniqueFd fd, int mapped) {
  void* memory = mmap(nullptr, Layout::kBytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED, mapped, 0);
  if (memory == MAP_FAILED) {
    return ErrnoStatus(errno, "map the shared memory of a worker");
  }
  return WorkerCell(std::move(fd), static_cast<Layout*>(memory));
}

WorkerCell::WorkerCell(WorkerCell&& other) noexcept
    : fd_(std::move(other.fd_)), at_(std::exchange(other.at_, nullptr)) {}

WorkerCell::~WorkerCell() {
  if (at_ != nullptr) munmap(at_, Layout::kBytes);
}

uint64_t WorkerCell::Current() const { return at_->current.load(); }

void WorkerCell::Revoke(uint64_t first, uint64_t end) {
  at_->revoked_first.store(std::numeric_limits<uint64_t>::max());
  at_->revoked_end.store(end);
  at_->revoked_first.store(first);
}

bool WorkerCell::Begin(uint64_t task) {
  at_->current.store(task);
  return task < at_->revoked_first.load() || task >= at_->revoked_end.load();
}

void WorkerCell::Rest() { at_->current.store(0); }

}  // namespace remuda

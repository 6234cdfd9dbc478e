#include "executors/processes/lease_page.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <utility>

namespace remuda {
namespace {

constexpr size_t kPageBytes = sizeof(std::atomic<int64_t>);
// Between processes a lock would be each one's own.
static_assert(std::atomic<int64_t>::is_always_lock_free);

absl::StatusOr<std::atomic<int64_t>*> Map(const UniqueFd& fd) {
  void* page = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                    fd.get(), 0);
  if (page == MAP_FAILED) return ErrnoStatus(errno, "cannot map the lease");
  return static_cast<std::atomic<int64_t>*>(page);
}

}  // namespace

absl::StatusOr<LeasePage> LeasePage::Make() {
  UniqueFd fd(memfd_create("remuda-lease", MFD_CLOEXEC));
  if (!fd.valid() || ftruncate(fd.get(), kPageBytes) != 0) {
    return ErrnoStatus(errno, "cannot make a page for the lease");
  }
  return Open(std::move(fd));
}

absl::StatusOr<LeasePage> LeasePage::Open(UniqueFd fd) {
  absl::StatusOr<std::atomic<int64_t>*> end = Map(fd);
  if (!end.ok()) return end.status();
  return LeasePage(std::move(fd), *end);
}

LeasePage::LeasePage(UniqueFd fd, std::atomic<int64_t>* end)
    : fd_(std::move(fd)), end_(end) {}

LeasePage::LeasePage(LeasePage&& other) noexcept
    : fd_(std::move(other.fd_)), end_(std::exchange(other.end_, nullptr)) {}

LeasePage& LeasePage::operator=(LeasePage&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(end_, other.end_);
  return *this;
}

LeasePage::~LeasePage() {
  if (end_ != nullptr) munmap(end_, kPageBytes);
}

void LeasePage::SetEnd(MonotonicTime end) {
  end_->store(end.time_since_epoch().count(), std::memory_order_release);
}

std::optional<MonotonicTime> LeasePage::end() const {
  const int64_t end = end_->load(std::memory_order_acquire);
  if (end == 0) return std::nullopt;
  return MonotonicTime(Duration(end));
}

}  // namespace remuda

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace remuda {

// A share of a number of bytes that many may hold together; given back when it
// is destroyed. Moving it moves the share.
//
// Thread: a lease is its owner's; leases of one budget live on any threads.
class ByteLease {
 public:
  // The budget itself. Shared: a lease may outlive whoever made it.
  struct Budget {
    explicit Budget(uint64_t bytes_max) : left(bytes_max) {}
    std::atomic<uint64_t> left;
  };

  explicit ByteLease(std::shared_ptr<Budget> budget)
      : budget_(std::move(budget)) {}
  ByteLease(ByteLease&& other) noexcept
      : budget_(std::move(other.budget_)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  ByteLease& operator=(ByteLease&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~ByteLease() {
    if (bytes_ > 0) budget_->left += bytes_;
  }

  // False, and nothing taken, if the budget has not that much left.
  bool Grow(uint64_t bytes) {
    uint64_t left = budget_->left;
    do {
      if (left < bytes) return false;
    } while (!budget_->left.compare_exchange_weak(left, left - bytes));
    bytes_ += bytes;
    return true;
  }

 private:
  std::shared_ptr<Budget> budget_;
  uint64_t bytes_ = 0;
};

}  // namespace remuda

#pragma once

#include <boost/asio/execution.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <type_traits>
#include <utility>

#include "executors/async/stall_watch.h"

namespace remuda {

// An Asio executor that runs what it is given on `Inner`, and writes down
// whose code that is while it runs. Brings Asio along: for the source of the
// async executor only.
//
// Small enough that asio::any_io_executor holds it without an allocation.
//
// Thread: any, as Inner's.
// Lifetime: borrows step and owner.
template <typename Inner>
class StepExecutor {
 public:
  StepExecutor(Inner inner, LoopStep& step, const StepOwner& owner) noexcept
      : inner_(std::move(inner)), step_(&step), owner_(&owner) {}

  template <typename Property>
  requires boost::asio::can_query_v<const Inner&, Property>
  decltype(auto) query(const Property& property) const {
    return boost::asio::query(inner_, property);
  }

  template <typename Property>
  requires boost::asio::can_require_v<const Inner&, Property>
  auto require(const Property& property) const {
    auto inner = boost::asio::require(inner_, property);
    return StepExecutor<decltype(inner)>(std::move(inner), *step_, *owner_);
  }

  template <typename Function>
  void execute(Function&& function) const {
    inner_.execute([step = step_, owner = owner_,
                    function = std::decay_t<Function>(
                        std::forward<Function>(function))]() mutable {
      const Entered entered(*step, *owner);
      std::move(function)();
    });
  }

  bool operator==(const StepExecutor& other) const noexcept {
    return inner_ == other.inner_ && owner_ == other.owner_;
  }

 private:
  // A step may end by an exception.
  class Entered {
   public:
    Entered(LoopStep& step, const StepOwner& owner)
        : step_(step), outer_(step.Enter(owner)) {}
    ~Entered() { step_.Leave(outer_); }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

   private:
    LoopStep& step_;
    const StepOwner* const outer_;
  };

  Inner inner_;
  LoopStep* step_;
  const StepOwner* owner_;
};

}  // namespace remuda

#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace remuda {

// Something that happens once, for which one coroutine waits. Brings Asio
// along: for the sources of handlers only.
//
// Thread: confined to the loop of `executor`.
class LoopEvent {
 public:
  explicit LoopEvent(const boost::asio::any_io_executor& executor)
      : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

  void Set() {
    is_set_ = true;
    timer_.cancel();
  }

  // False if the coroutine was asked to stop first. Such a coroutine must not
  // await anything more: that would throw.
  boost::asio::awaitable<bool> Wait() {
    if (!is_set_) {
      co_await timer_.async_wait(
          boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    co_return is_set_;
  }

 private:
  // An event is a timer that never fires and is cancelled when it happens.
  boost::asio::steady_timer timer_;
  bool is_set_ = false;
};

}  // namespace remuda

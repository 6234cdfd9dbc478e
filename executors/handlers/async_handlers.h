#pragma once

#include "executors/handlers/async_handler.h"

namespace remuda {

// The job types that ship in a form for an event loop: noop and sleep.
AsyncHandlers ShippedAsyncHandlers(boost::asio::io_context& loop);

}  // namespace remuda

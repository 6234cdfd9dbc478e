#pragma once

#include "executors/handlers/async_handler.h"

namespace remuda {

// The job types that ship in a form for an event loop: noop, sleep, http.fetch
// and http.crawl.
AsyncHandlers ShippedAsyncHandlers(boost::asio::io_context& loop);

}  // namespace remuda

#include "executors/handlers/async_handlers.h"

#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "jobs/job_type.h"

namespace remuda {
namespace {

TEST(AsyncHandlersTest, EveryTypeThatMayRunHereHasAHandler) {
  boost::asio::io_context loop;
  const AsyncHandlers handlers = ShippedAsyncHandlers(loop);
  size_t legal = 0;
  for (const JobType& type : ShippedJobTypes()) {
    if (type.runs_user_code) continue;  // in workers only
    for (const ExecutorKind kind : type.executors) {
      if (kind != ExecutorKind::kAsync) continue;
      ++legal;
      EXPECT_TRUE(handlers.contains(type.name)) << type.name;
    }
  }
  EXPECT_EQ(handlers.size(), legal);
}

}  // namespace
}  // namespace remuda

#include "executors/inline_executor.h"

#include <memory>

#include "executors/executor_contract.h"
#include "executors/handlers/blocking_handlers.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Inline, ExecutorContract,
    testing::Values(ExecutorUnderTest{
        .name = "inline",
        .make =
            [](size_t slots, const Clock& clock, Executor::Notify notify) {
              return std::make_unique<InlineExecutor>(
                  slots, ShippedBlockingHandlers(), clock, std::move(notify));
            },
        .runs_together = false,
    }));

}  // namespace
}  // namespace remuda

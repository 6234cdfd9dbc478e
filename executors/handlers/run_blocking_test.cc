#include "executors/handlers/run_blocking.h"

#include <memory>
#include <stdexcept>
#include <string>

#include "gtest/gtest.h"

namespace remuda {
namespace {

// Answers with its parameters, or throws when it finds none.
class EchoHandler : public BlockingHandler {
 public:
  HandlerResult Run(const Attempt&, const std::string& parameters,
                    ThreadState* state, const std::stop_token&) override {
    EXPECT_NE(state, nullptr);
    if (parameters == "{}") throw std::runtime_error("nothing to say");
    HandlerResult result;
    result.output = parameters;
    result.bytes_in = 7;
    return result;
  }

  std::unique_ptr<ThreadState> MakeThreadState() override {
    ++states;
    return std::make_unique<ThreadState>();
  }

  int states = 0;
};

Outcome RunWith(EchoHandler& handler, ThreadStates& states,
                const std::string& with, const std::string& item) {
  auto work = std::make_shared<JobWork>();
  work->parameters = *ParameterTemplate::Parse(with);
  const Attempt attempt = {
      .id = {JobId{3}, 4, Fence{5}}, .work = work, .item = item};
  return RunBlocking(handler, attempt, states, std::stop_token());
}

TEST(RunBlockingTest, RendersParametersAndFillsTheOutcome) {
  EchoHandler handler;
  ThreadStates states;
  const Outcome outcome =
      RunWith(handler, states, R"({"x": "{{item}}"})", "\"hay\"");
  EXPECT_EQ(outcome.id, (AttemptId{JobId{3}, 4, Fence{5}}));
  EXPECT_EQ(outcome.ending, Ending::kSucceeded);
  EXPECT_EQ(outcome.output, R"({"x":"hay"})");
  EXPECT_EQ(outcome.usage.bytes_in, 7u);
  EXPECT_EQ(outcome.usage.bytes_out, std::nullopt);
}

TEST(RunBlockingTest, AMissingKeyIsAnError) {
  EchoHandler handler;
  ThreadStates states;
  const Outcome outcome =
      RunWith(handler, states, R"({"x": "{{item.name}}"})", "{}");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_NE(outcome.error.find("name"), std::string::npos) << outcome.error;
}

TEST(RunBlockingTest, AnExceptionIsAnError) {
  EchoHandler handler;
  ThreadStates states;
  const Outcome outcome = RunWith(handler, states, "{}", "null");
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(outcome.error, "the handler threw: nothing to say");
}

TEST(RunBlockingTest, OneStateForEachHandler) {
  EchoHandler one;
  EchoHandler two;
  ThreadStates states;
  for (int i = 0; i < 3; ++i) {
    RunWith(one, states, R"({"a": 1})", "null");
    RunWith(two, states, R"({"a": 1})", "null");
  }
  EXPECT_EQ(one.states, 1);
  EXPECT_EQ(two.states, 1);
}

}  // namespace
}  // namespace remuda

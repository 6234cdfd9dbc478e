#include "workers/conformance/check_handlers.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <utility>

#include "executors/handlers/blocking_handlers.h"

namespace remuda {
namespace {

std::string TextOf(const std::string& parameters) {
  const auto json = nlohmann::json::parse(parameters, nullptr, false);
  if (!json.is_object()) return {};
  const auto text = json.find("text");
  if (text == json.end() || !text->is_string()) return {};
  return text->get<std::string>();
}

class EchoHandler : public BlockingHandler {
 public:
  HandlerResult Run(const Attempt&, const std::string& parameters, ThreadState*,
                    const std::stop_token&) override {
    HandlerResult result;
    result.output = parameters;
    return result;
  }
};

class FailHandler : public BlockingHandler {
 public:
  HandlerResult Run(const Attempt&, const std::string& parameters, ThreadState*,
                    const std::stop_token&) override {
    return Failed(TextOf(parameters));
  }
};

class PrintHandler : public BlockingHandler {
 public:
  HandlerResult Run(const Attempt&, const std::string& parameters, ThreadState*,
                    const std::stop_token&) override {
    std::fputs((TextOf(parameters) + "\n").c_str(), stdout);
    std::fflush(stdout);
    return {};
  }
};

}  // namespace

BlockingHandlers CheckHandlers() {
  BlockingHandlers handlers;
  handlers["check.echo"] = std::make_unique<EchoHandler>();
  handlers["check.fail"] = std::make_unique<FailHandler>();
  handlers["check.print"] = std::make_unique<PrintHandler>();
  for (const char* name : {"check.sleep", "check.block"}) {
    handlers[name] = std::move(ShippedBlockingHandlers().at("sleep"));
  }
  return handlers;
}

}  // namespace remuda

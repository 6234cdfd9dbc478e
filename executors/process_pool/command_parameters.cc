#include "executors/process_pool/command_parameters.h"

#include <nlohmann/json.hpp>

#include "absl/status/status.h"

namespace remuda {
namespace {

using nlohmann::json;

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError(what);
}

// A template may put a number or a truth value where text goes.
absl::StatusOr<std::string> AsArgument(const json& value,
                                       const std::string& where) {
  std::string text;
  if (value.is_string()) {
    text = value.get<std::string>();
  } else if (value.is_number() || value.is_boolean()) {
    text = value.dump();
  } else {
    return Wrong(where + " must be text, not " + value.type_name());
  }
  if (text.find('\0') != std::string::npos) {
    return Wrong(where + " holds a zero byte, which no program can be given");
  }
  return text;
}

absl::Status ParseArgv(const json& argv, CommandParameters* parsed) {
  if (!argv.is_array() || argv.empty()) {
    return Wrong("argv must be a list with at least the program's name");
  }
  for (const json& argument : argv) {
    const std::string where =
        "argv[" + std::to_string(parsed->argv.size()) + "]";
    auto text = AsArgument(argument, where);
    if (!text.ok()) return text.status();
    parsed->argv.push_back(*std::move(text));
  }
  if (parsed->argv.front().empty()) return Wrong("argv[0] is empty");
  return absl::OkStatus();
}

absl::Status ParseEnvironment(const json& env, CommandParameters* parsed) {
  if (!env.is_object()) return Wrong("env must be a map of names to text");
  for (const auto& [name, value] : env.items()) {
    if (name.empty() || name.find('=') != std::string::npos ||
        name.find('\0') != std::string::npos) {
      return Wrong("env: '" + name + "' is not a name for a variable");
    }
    if (name.rfind("REMUDA_", 0) == 0) {
      return Wrong("env: names that begin with REMUDA_ are set by Remuda");
    }
    auto text = AsArgument(value, "env." + name);
    if (!text.ok()) return text.status();
    parsed->environment.push_back(name + "=" + *text);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandParameters> ParseCommandParameters(
    const std::string& parameters) {
  const json with = json::parse(parameters, nullptr, false);
  if (!with.is_object()) return Wrong("the parameters are not a map");
  CommandParameters parsed;
  if (!with.contains("argv")) return Wrong("argv is missing");
  absl::Status status = ParseArgv(with["argv"], &parsed);
  if (status.ok() && with.contains("env")) {
    status = ParseEnvironment(with["env"], &parsed);
  }
  if (!status.ok()) return status;
  if (with.contains("cwd")) {
    auto text = AsArgument(with["cwd"], "cwd");
    if (!text.ok()) return text.status();
    parsed.directory = *std::move(text);
  }
  if (with.contains("stdin")) {
    const json& text = with["stdin"];
    if (!text.is_string()) return Wrong("stdin must be text");
    parsed.standard_input = text.get<std::string>();
  }
  return parsed;
}

std::string TextParameter(const std::string& parameters,
                          const std::string& name) {
  const json with = json::parse(parameters, nullptr, false);
  if (!with.is_object()) return {};
  const auto found = with.find(name);
  if (found == with.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

}  // namespace remuda

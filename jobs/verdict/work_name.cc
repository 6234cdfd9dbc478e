#include "jobs/verdict/work_name.h"

#include <nlohmann/json.hpp>

#include "jobs/json_text.h"

namespace remuda {
namespace {

constexpr size_t kBytesMax = 200;

}  // namespace

std::string WorkName(const std::string& type, const std::string& with) {
  using nlohmann::json;
  const json parameters = json::parse(with, nullptr, false);
  if (!parameters.is_object()) return "";
  const bool is_command = type == "command";
  const auto at = parameters.find(is_command ? "argv" : "function");
  if (at == parameters.end()) return "";
  const json* name = &*at;
  if (is_command) {
    if (!at->is_array() || at->empty()) return "";
    name = &at->front();
  }
  if (!name->is_string()) return "";
  const auto text = name->get<std::string>().substr(0, kBytesMax);
  return text.substr(0, ValidUtf8Prefix(text));
}

}  // namespace remuda

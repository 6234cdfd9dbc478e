#include "jobs/spec_context.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "jobs/json_text.h"
#include "jobs/yaml_scalar.h"

namespace remuda {
namespace {

constexpr size_t kQuotedBytesMax = 80;

}  // namespace

const YamlNode* SpecContext::Find(const YamlNode* map,
                                  std::string_view key) const {
  if (map == nullptr || map->kind != YamlNode::Kind::kMap) return nullptr;
  for (size_t i = 0; i + 1 < map->children.size(); i += 2) {
    if (node(map->children[i]).text == key) return &node(map->children[i + 1]);
  }
  return nullptr;
}

const YamlNode* SpecContext::FindKey(const YamlNode* map,
                                     std::string_view key) const {
  if (map == nullptr || map->kind != YamlNode::Kind::kMap) return nullptr;
  for (size_t i = 0; i + 1 < map->children.size(); i += 2) {
    if (node(map->children[i]).text == key) return &node(map->children[i]);
  }
  return nullptr;
}

std::optional<std::string> SpecContext::ToJson(const YamlNode& at) {
  if (at.kind == YamlNode::Kind::kNull || at.kind == YamlNode::Kind::kScalar) {
    YamlScalar scalar = ReadScalar(at);
    if (scalar.type == YamlScalar::Type::kTooLarge) {
      Report(at, "the number " + Quote(at.text) +
                     " is too large to stay exact; quote it to make it text");
      return std::nullopt;
    }
    if (scalar.type == YamlScalar::Type::kNotFinite) {
      Report(at, Quote(at.text) +
                     " has no form that can be sent; quote it to make it "
                     "text");
      return std::nullopt;
    }
    return std::move(scalar.json);
  }
  const bool is_map = at.kind == YamlNode::Kind::kMap;
  std::string json = is_map ? "{" : "[";
  for (size_t i = 0; i < at.children.size(); ++i) {
    const YamlNode& child = node(at.children[i]);
    if (is_map && i % 2 == 0) {
      if (i > 0) json += ',';
      json += JsonString(child.text) + ":";
      continue;
    }
    if (!is_map && i > 0) json += ',';
    const std::optional<std::string> value = ToJson(child);
    if (!value) return std::nullopt;
    json += *value;
  }
  json += is_map ? '}' : ']';
  return json;
}

void SpecContext::Report(const YamlNode& at, std::string message) {
  if (full()) return;
  errors_.push_back(text_.ErrorAt(at.line, at.byte, std::move(message)));
}

std::vector<SpecError> SpecContext::TakeErrors() {
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const SpecError& a, const SpecError& b) {
                     return std::pair(a.line, a.column) <
                            std::pair(b.line, b.column);
                   });
  if (errors_.size() > kSpecErrorsMax) errors_.resize(kSpecErrorsMax);
  return std::move(errors_);
}

std::optional<std::string> WrittenText(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar) return std::nullopt;
  if (ReadScalar(node).type == YamlScalar::Type::kNull) return std::nullopt;
  return node.text;
}

std::string Found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  switch (ReadScalar(node).type) {
    case YamlScalar::Type::kNull:
      return "nothing";
    case YamlScalar::Type::kBool:
      return Quote(node.text);
    case YamlScalar::Type::kInteger:
    case YamlScalar::Type::kNumber:
    case YamlScalar::Type::kTooLarge:
    case YamlScalar::Type::kNotFinite:
      return "the number " + node.text.substr(0, kQuotedBytesMax);
    case YamlScalar::Type::kText:
      return "the text " + Quote(node.text);
  }
  CHECK(false);
  return {};
}

std::string Quote(std::string_view text) {
  if (text.size() <= kQuotedBytesMax) return "'" + std::string(text) + "'";
  // Not through the middle of a character.
  const size_t end = ValidUtf8Prefix(text.substr(0, kQuotedBytesMax));
  return "'" + std::string(text.substr(0, end)) + "...'";
}

}  // namespace remuda

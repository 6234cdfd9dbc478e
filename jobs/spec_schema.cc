#include "jobs/spec_schema.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "jobs/job_type.h"
#include "jobs/nearest_name.h"
#include "jobs/spec_keys.h"

namespace remuda {
namespace {

// Keeps the order of the table, which is the order that people write in.
using Json = nlohmann::ordered_json;
using Kind = SpecKey::Kind;

constexpr std::string_view kDurationPattern =
    "^([0-9]+(\\.[0-9]+)?(d|h|m|s|ms|us|ns))+$";
constexpr std::string_view kNamePattern =
    "^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$";
constexpr std::string_view kBytesPattern =
    "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)$";
constexpr std::string_view kTemplatePattern = "\\{\\{";

Json Texts() {
  // Plain numbers and words are taken as the text they are written as.
  return {{"type", {"string", "number", "boolean"}}};
}

Json MapOf(std::string_view path);

Json Shape(const SpecKey& key) {
  switch (key.kind) {
    case Kind::kMap:
      return MapOf(key.path);
    case Kind::kAnyMap:
      return {{"type", "object"}};
    case Kind::kTextMap:
      return {{"type", "object"}, {"additionalProperties", Texts()}};
    case Kind::kList:
      return {{"type", "array"}, {"minItems", 1}};
    case Kind::kTextList:
      return {{"type", "array"}, {"items", Texts()}};
    case Kind::kText:
      return {{"type", "string"}, {"minLength", 1}};
    case Kind::kName:
      return {{"type", "string"}, {"pattern", kNamePattern}};
    case Kind::kWord:
      return {{"enum", key.words}};
    case Kind::kInteger:
      return {{"type", "integer"}};
    case Kind::kNumber:
      return {{"type", "number"}};
    case Kind::kDuration:
      return {{"type", "string"}, {"pattern", kDurationPattern}};
    case Kind::kCountOrPercent:
      return {{"anyOf",
               {{{"type", "integer"}, {"minimum", 0}},
                {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?%$"}}}}};
    case Kind::kBytes:
      return {{"type", "string"}, {"pattern", kBytesPattern}};
    case Kind::kAny:
      return Json::object();
  }
  CHECK(false);
  return {};
}

Json SchemaOf(const SpecKey& key) {
  std::string description(key.meaning);
  if (!key.supported) {
    return {{"description", description + " Not supported yet."},
            {"not", Json::object()}};
  }
  Json schema = Shape(key);
  if (key.kind != Kind::kMap && !SpecKeysUnder(key.path).empty()) {
    schema = {{"anyOf", {schema, MapOf(key.path)}}};
  }
  if (std::isfinite(key.at_least)) schema["minimum"] = key.at_least;
  if (std::isfinite(key.at_most)) schema["maximum"] = key.at_most;
  if (!key.default_is.empty()) {
    description += " Default: " + std::string(key.default_is) + ".";
  }
  schema["description"] = description;
  return schema;
}

Json MapOf(std::string_view path) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const SpecKey* key : SpecKeysUnder(path)) {
    const std::string name(LastName(*key));
    properties[name] = SchemaOf(*key);
    if (key->required) required.push_back(name);
  }
  Json schema = {{"type", "object"},
                 {"properties", std::move(properties)},
                 {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json ShapeOf(const ParameterFact& fact) {
  Json shape = Json::object();
  switch (fact.kind) {
    case ParameterFact::Kind::kText:
      if (fact.one_of.empty()) return Texts();
      shape["enum"] = fact.one_of;
      break;
    case ParameterFact::Kind::kInteger:
      shape["type"] = "integer";
      break;
    case ParameterFact::Kind::kNumber:
      shape["type"] = "number";
      break;
    case ParameterFact::Kind::kBool:
      shape["type"] = "boolean";
      break;
    case ParameterFact::Kind::kList:
      shape["type"] = "array";
      if (fact.of == ParameterFact::Kind::kText) shape["items"] = Texts();
      if (fact.not_empty) shape["minItems"] = 1;
      break;
    case ParameterFact::Kind::kMap:
      shape["type"] = "object";
      if (fact.of == ParameterFact::Kind::kText) {
        shape["additionalProperties"] = Texts();
      }
      break;
    case ParameterFact::Kind::kAny:
      break;
  }
  if (fact.at_least) shape["minimum"] = *fact.at_least;
  if (fact.of_the_job) return shape;
  // A template's value is only known with the item.
  return {
      {"anyOf", {shape, {{"type", "string"}, {"pattern", kTemplatePattern}}}}};
}

// "if the type is this, then `with` has these parameters"
Json RuleOf(const JobType& type) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const ParameterFact& fact : type.parameters) {
    properties[fact.name] = ShapeOf(fact);
    properties[fact.name]["description"] = fact.meaning;
    if (fact.required) required.push_back(fact.name);
  }
  Json then = {{"properties",
                {{"with",
                  {{"type", "object"},
                   {"description", type.meaning},
                   {"properties", std::move(properties)},
                   {"required", required},
                   {"additionalProperties", type.takes_any_parameters}}}}}};
  if (!required.empty()) then["required"] = {"with"};
  return {{"if", {{"properties", {{"type", {{"const", type.name}}}}}}},
          {"then", std::move(then)}};
}

std::string Cell(std::string_view text) {
  return text.empty() ? "" : " " + std::string(text);
}

std::string Row(std::string_view a, std::string_view b, std::string_view c,
                std::string_view d) {
  return "|" + Cell(a) + " |" + Cell(b) + " |" + Cell(c) + " |" + Cell(d) +
         " |\n";
}

std::string DefaultOf(const SpecKey& key) {
  if (!key.supported) return "not supported yet";
  if (key.required) return "required";
  return std::string(key.default_is);
}

}  // namespace

std::string SchemaJson() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "Remuda job"}};
  schema.update(MapOf(""));
  Json rules = Json::array();
  for (const JobType& type : ShippedJobTypes()) rules.push_back(RuleOf(type));
  schema["properties"]["spec"]["allOf"] = std::move(rules);
  return schema.dump(2) + "\n";
}

std::string ReferenceMarkdown() {
  std::string text = "## Keys\n\n";
  text += Row("key", "value", "default", "meaning");
  text += "|---|---|---|---|\n";
  for (const SpecKey& key : SpecKeys()) {
    text +=
        Row("`" + std::string(key.path) + "`",
            key.supported ? Expectation(key) : "", DefaultOf(key), key.meaning);
  }
  text += "\n## Job types\n";
  for (const JobType& type : ShippedJobTypes()) {
    std::vector<std::string> executors;
    for (const ExecutorKind kind : type.executors) {
      executors.emplace_back(Name(kind));
    }
    text += "\n### " + type.name + "\n\n" + type.meaning +
            " Executors: " + JoinNames(executors) + ".\n";
    if (type.takes_any_parameters) text += "\nAny parameters.\n";
    if (type.parameters.empty()) continue;
    text += "\n" + Row("parameter", "value", "", "meaning");
    text += "|---|---|---|---|\n";
    for (const ParameterFact& fact : type.parameters) {
      text += Row("`" + fact.name + "`",
                  fact.one_of.empty() ? std::string(Name(fact.kind))
                                      : "one of " + JoinNames(fact.one_of),
                  fact.required ? "required" : "", fact.meaning);
    }
  }
  return text;
}

}  // namespace remuda

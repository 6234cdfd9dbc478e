#include "jobs/spec_with.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "jobs/json_text.h"
#include "jobs/nearest_name.h"
#include "jobs/template_text.h"
#include "jobs/yaml_scalar.h"

namespace remuda {
namespace {

using Kind = ParameterFact::Kind;
using Items = TemplateScope::Items;

class WithReader {
 public:
  WithReader(SpecContext& context, const JobType& type,
             const TemplateScope& scope)
      : context_(context), type_(type), scope_(scope) {}

  std::string Read(const YamlNode* with, const YamlNode& spec) {
    if (with != nullptr && with->kind != YamlNode::Kind::kMap) return "{}";
    for (const ParameterFact& fact : type_.parameters) {
      if (!fact.required || context_.Find(with, fact.name) != nullptr) {
        continue;
      }
      context_.Report(with != nullptr ? *with : spec,
                      "job type '" + type_.name + "' needs the parameter '" +
                          fact.name + "' under 'with': " + fact.meaning);
    }
    std::string json = "{";
    for (size_t i = 0; with != nullptr && i < with->children.size(); i += 2) {
      if (context_.full()) break;
      const YamlNode& name = context_.node(with->children[i]);
      const YamlNode& value = context_.node(with->children[i + 1]);
      const ParameterFact* fact = FindFact(name);
      if (fact == nullptr) continue;
      if (fact->of_the_job && HoldsTemplate(value)) {
        context_.Report(value, "'" + fact->name +
                                   "' is the same for all tasks of a job, so "
                                   "it cannot hold a template");
        continue;
      }
      CheckTemplates(value);
      const std::optional<std::string> text = ReadValue(*fact, value);
      if (!text) continue;
      if (json.size() > 1) json += ',';
      json += JsonString(name.text) + ":" + *text;
    }
    json += "}";
    return CanonicalJson(json).value_or("{}");
  }

 private:
  static const ParameterFact& AnyFact() {
    static const auto& any = *new ParameterFact{.kind = Kind::kAny};
    return any;
  }

  const ParameterFact* FindFact(const YamlNode& name) {
    std::vector<std::string> names;
    for (const ParameterFact& fact : type_.parameters) {
      if (fact.name == name.text) return &fact;
      names.push_back(fact.name);
    }
    if (type_.takes_any_parameters) return &AnyFact();
    context_.Report(
        name,
        "job type '" + type_.name + "' has no parameter " + Quote(name.text) +
            (names.empty() ? "; it takes none" : DidYouMean(name.text, names)));
    return nullptr;
  }

  // The value of a template is only known with the item.
  static bool IsTemplate(const YamlNode& value) {
    if (value.kind != YamlNode::Kind::kScalar) return false;
    const auto pieces = SplitTemplate(value.text);
    return pieces.ok() && IsWholeTemplate(*pieces);
  }

  // Recursion ends at SpecLimits::depth_max.
  bool HoldsTemplate(const YamlNode& value) const {
    if (value.kind == YamlNode::Kind::kScalar) {
      const auto pieces = SplitTemplate(value.text);
      return !pieces.ok() ||
             std::any_of(pieces->begin(), pieces->end(),
                         [](const TemplatePiece& piece) {
                           return piece.kind != TemplatePiece::Kind::kLiteral;
                         });
    }
    return std::any_of(value.children.begin(), value.children.end(),
                       [this](YamlIndex child) {
                         return HoldsTemplate(context_.node(child));
                       });
  }

  std::optional<std::string> ReadValue(const ParameterFact& fact,
                                       const YamlNode& value) {
    if (IsTemplate(value)) return JsonString(value.text);
    switch (fact.kind) {
      case Kind::kText:
        return ReadText(fact, value, "'" + fact.name + "'");
      case Kind::kInteger:
      case Kind::kNumber:
      case Kind::kBool:
        return ReadPlain(fact, value);
      case Kind::kList:
      case Kind::kMap:
        return ReadElements(fact, value);
      case Kind::kAny:
        break;
    }
    return context_.ToJson(value);
  }

  std::optional<std::string> Mismatch(const ParameterFact& fact,
                                      const YamlNode& value) {
    context_.Report(value, "'" + fact.name + "': expected " +
                               std::string(Name(fact.kind)) + ", found " +
                               Found(value));
    return std::nullopt;
  }

  // Plain numbers and words are taken as they are written.
  std::optional<std::string> ReadText(const ParameterFact& fact,
                                      const YamlNode& value,
                                      const std::string& shown) {
    const std::optional<std::string> text = WrittenText(value);
    if (!text) {
      context_.Report(value, shown + ": expected text, found " + Found(value));
      return std::nullopt;
    }
    if (text->empty() && fact.not_empty && fact.kind == Kind::kText) {
      context_.Report(value, shown + " is empty");
    }
    const std::vector<std::string>& words = fact.one_of;
    if (!words.empty() && fact.kind == Kind::kText &&
        std::find(words.begin(), words.end(), *text) == words.end()) {
      context_.Report(value,
                      shown + " is " + Quote(*text) + DidYouMean(*text, words));
    }
    return JsonString(*text);
  }

  std::optional<std::string> ReadPlain(const ParameterFact& fact,
                                       const YamlNode& value) {
    if (value.kind != YamlNode::Kind::kScalar) return Mismatch(fact, value);
    const YamlScalar scalar = ReadScalar(value);
    const bool is_integer =
        scalar.type == YamlScalar::Type::kInteger && !scalar.is_large;
    const bool is_number =
        is_integer || scalar.type == YamlScalar::Type::kNumber;
    const bool fits = fact.kind == Kind::kInteger ? is_integer
                      : fact.kind == Kind::kNumber
                          ? is_number
                          : scalar.type == YamlScalar::Type::kBool;
    if (!fits) return Mismatch(fact, value);
    if (fact.at_least && scalar.number < *fact.at_least) {
      context_.Report(value,
                      "'" + fact.name + "' is " + value.text +
                          ", and has to be at least " +
                          std::to_string(static_cast<int64_t>(*fact.at_least)));
    }
    return scalar.json;
  }

  std::optional<std::string> ReadElements(const ParameterFact& fact,
                                          const YamlNode& value) {
    const bool is_map = fact.kind == Kind::kMap;
    if (value.kind != (is_map ? YamlNode::Kind::kMap : YamlNode::Kind::kList)) {
      return Mismatch(fact, value);
    }
    if (fact.not_empty && value.children.empty()) {
      context_.Report(value, "'" + fact.name + "' is empty: " + fact.meaning);
    }
    std::string json = is_map ? "{" : "[";
    for (size_t i = 0; i < value.children.size(); ++i) {
      const YamlNode& child = context_.node(value.children[i]);
      if (json.size() > 1 && (!is_map || i % 2 == 0)) json += ',';
      if (is_map && i % 2 == 0) {
        json += JsonString(child.text) + ":";
        continue;
      }
      const std::optional<std::string> element = ReadElement(fact, child);
      if (!element) return std::nullopt;
      json += *element;
    }
    return json + (is_map ? "}" : "]");
  }

  std::optional<std::string> ReadElement(const ParameterFact& fact,
                                         const YamlNode& element) {
    if (fact.of != Kind::kText || IsTemplate(element)) {
      return context_.ToJson(element);
    }
    return ReadText(fact, element, "in '" + fact.name + "'");
  }

  // Recursion ends at SpecLimits::depth_max.
  void CheckTemplates(const YamlNode& value) {
    if (context_.full()) return;
    if (value.kind == YamlNode::Kind::kScalar) return CheckText(value);
    const bool is_map = value.kind == YamlNode::Kind::kMap;
    for (size_t i = 0; i < value.children.size(); ++i) {
      const YamlNode& child = context_.node(value.children[i]);
      if (!is_map || i % 2 == 1) {
        CheckTemplates(child);
      } else if (child.text.find("{{") != std::string::npos) {
        context_.Report(child, "templates stand in values, not in keys");
      }
    }
  }

  void CheckText(const YamlNode& value) {
    const auto pieces = SplitTemplate(value.text);
    if (!pieces.ok()) {
      context_.Report(value, std::string(pieces.status().message()));
      return;
    }
    for (const TemplatePiece& piece : *pieces) {
      if (!context_.full()) CheckPiece(value, piece);
    }
  }

  void CheckPiece(const YamlNode& value, const TemplatePiece& piece) {
    const bool is_member = piece.kind == TemplatePiece::Kind::kMember;
    if (!is_member && piece.kind != TemplatePiece::Kind::kItem) return;
    const std::string shown = Quote("{{" + piece.text + "}}");
    if (scope_.items == Items::kNone) {
      context_.Report(value, shown +
                                 " names an item, and the job has none; "
                                 "add a source under 'tasks'");
      return;
    }
    if (!is_member || scope_.items == Items::kUnknown) return;
    const std::string& name = piece.path.front();
    const std::vector<std::string>& names = scope_.names;
    if (scope_.items == Items::kNamed) {
      if (std::find(names.begin(), names.end(), name) != names.end()) return;
      context_.Report(value, shown + " names a key that not every item of '" +
                                 scope_.source + "' has" +
                                 DidYouMean(name, names));
      return;
    }
    const std::vector<std::string> words = {"item", "index"};
    context_.Report(value,
                    shown + " names nothing: the items of '" + scope_.source +
                        "' have no keys" +
                        (piece.is_column ? DidYouMean(name, words)
                                         : std::string("; write {{item}}")));
  }

  SpecContext& context_;
  const JobType& type_;
  const TemplateScope& scope_;
};

}  // namespace

std::string ReadWith(SpecContext& context, const YamlNode* with,
                     const YamlNode& spec, const JobType& type,
                     const TemplateScope& scope) {
  return WithReader(context, type, scope).Read(with, spec);
}

}  // namespace remuda

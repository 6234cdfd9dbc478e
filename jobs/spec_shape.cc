#include "jobs/spec_shape.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>
#include <vector>

#include "base/check.h"
#include "jobs/byte_size_text.h"
#include "jobs/duration_text.h"
#include "jobs/job_check.h"
#include "jobs/nearest_name.h"
#include "jobs/percent_text.h"
#include "jobs/spec_keys.h"
#include "jobs/yaml_scalar.h"

namespace remuda {
namespace {

using Kind = SpecKey::Kind;
using Type = YamlScalar::Type;

// A number as the author would write it: without trailing zeros.
std::string NumberText(double number) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), number);
  return std::string(buffer, end.ptr);
}

class ShapeChecker {
 public:
  explicit ShapeChecker(SpecContext& context) : context_(context) {}

  // A map of the keys that the table has under `path`.
  void CheckKeys(const YamlNode& map, std::string_view path) {
    for (size_t i = 0; i + 1 < map.children.size(); i += 2) {
      if (context_.full()) return;
      const YamlNode& name = context_.node(map.children[i]);
      // A dot in a key is not the dot that joins two.
      const SpecKey* key = name.text.find('.') == std::string::npos
                               ? FindSpecKey(Join(path, name.text))
                               : nullptr;
      if (key == nullptr) {
        ReportUnknown(name, path);
      } else if (!key->supported) {
        ReportLater(name, *key);
      } else {
        CheckValue(context_.node(map.children[i + 1]), *key);
      }
    }
    for (const SpecKey* key : SpecKeysUnder(path)) {
      const std::string name(LastName(*key));
      if (key->required && context_.Find(&map, name) == nullptr) {
        context_.Report(map,
                        "'" + name + "' is missing" +
                            (path.empty() ? "" : " in '" + Shown(path) + "'") +
                            "; add '" + std::string(key->example) + "'");
      }
    }
  }

 private:
  static std::string Join(std::string_view path, std::string_view name) {
    if (path.empty()) return std::string(name);
    return std::string(path) + "." + std::string(name);
  }

  // Paths as authors see them: "retry.backoff" rather than all from the top.
  static std::string Shown(std::string_view path) {
    if (path.starts_with("spec.")) path.remove_prefix(5);
    return std::string(path);
  }

  static std::string Shown(const SpecKey& key) {
    return "'" + Shown(key.path) + "'";
  }

  void ReportUnknown(const YamlNode& name, std::string_view path) {
    std::vector<std::string> names;
    for (const SpecKey* key : SpecKeysUnder(path)) {
      names.emplace_back(LastName(*key));
    }
    std::string message = "unknown key " + Quote(name.text);
    if (!NearestName(name.text, names).empty()) {
      message += DidYouMean(name.text, names);
    } else if (const std::string home = HomeOf(name.text); !home.empty()) {
      message += "; it belongs under '" + home + "'";
    } else {
      message += DidYouMean(name.text, names);
    }
    context_.Report(name, message);
  }

  // Where a key stands that was written in the wrong place.
  static std::string HomeOf(std::string_view name) {
    for (const SpecKey& key : SpecKeys()) {
      const size_t dot = key.path.rfind('.');
      if (dot != std::string_view::npos && LastName(key) == name) {
        return std::string(key.path.substr(0, dot));
      }
    }
    return "";
  }

  void ReportLater(const YamlNode& name, const SpecKey& key) {
    if (key.path == "spec.needs") return;
    context_.Report(name, Shown(key) + " is not supported yet; take it out");
  }

  void CheckValue(const YamlNode& value, const SpecKey& key) {
    const bool is_map = value.kind == YamlNode::Kind::kMap;
    switch (key.kind) {
      case Kind::kAny:
        return;
      case Kind::kMap:
        return is_map ? CheckKeys(value, key.path) : Mismatch(value, key);
      case Kind::kAnyMap:
        return is_map ? void() : Mismatch(value, key);
      case Kind::kTextMap:
        return CheckTexts(value, key, YamlNode::Kind::kMap);
      case Kind::kTextList:
        return CheckTexts(value, key, YamlNode::Kind::kList);
      case Kind::kList:
        if (value.kind != YamlNode::Kind::kList) Mismatch(value, key);
        return;
      default:
        break;
    }
    if (is_map && !SpecKeysUnder(key.path).empty()) {
      return CheckKeys(value, key.path);
    }
    CheckScalar(value, key);
  }

  void CheckScalar(const YamlNode& value, const SpecKey& key) {
    if (!WrittenText(value)) return Mismatch(value, key);
    switch (key.kind) {
      case Kind::kText:
        if (value.text.empty()) {
          context_.Report(value, Shown(key) + " is empty");
        }
        return;
      case Kind::kName:
        if (!IsName(value.text)) {
          context_.Report(value, Quote(value.text) + " is not a name: " +
                                     std::string(kNameRule));
        }
        return;
      case Kind::kWord:
        return CheckWord(value, key);
      case Kind::kInteger:
      case Kind::kNumber:
        return CheckNumber(value, key);
      case Kind::kDuration:
        return CheckDuration(value, key);
      case Kind::kCountOrPercent:
        return CheckCount(value, key);
      case Kind::kBytes:
        return CheckBytes(value, key);
      default:
        CHECK(false);
    }
  }

  void Mismatch(const YamlNode& value, const SpecKey& key) {
    std::string expected = Expectation(key);
    if (key.kind != Kind::kMap && !SpecKeysUnder(key.path).empty()) {
      std::vector<std::string> names;
      for (const SpecKey* child : SpecKeysUnder(key.path)) {
        names.emplace_back(LastName(*child));
      }
      expected += ", or a map with " + JoinNames(names);
    }
    context_.Report(value, Shown(key) + ": expected " + expected + ", found " +
                               Found(value));
  }

  void CheckTexts(const YamlNode& value, const SpecKey& key,
                  YamlNode::Kind kind) {
    if (value.kind != kind) return Mismatch(value, key);
    const bool is_map = kind == YamlNode::Kind::kMap;
    for (size_t i = is_map ? 1 : 0; i < value.children.size();
         i += is_map ? 2 : 1) {
      const YamlNode& element = context_.node(value.children[i]);
      if (WrittenText(element)) continue;
      context_.Report(element,
                      Shown(key) + ": expected text, found " + Found(element));
    }
  }

  void CheckWord(const YamlNode& value, const SpecKey& key) {
    const std::vector<std::string>& words = key.words;
    if (std::find(words.begin(), words.end(), value.text) != words.end()) {
      return;
    }
    const std::string what =
        key.path == "spec.type"
            ? "unknown job type " + Quote(value.text)
            : Shown(key) + " cannot be " + Quote(value.text);
    std::string names = DidYouMean(value.text, words);
    if (key.path == "spec.type" && names.find("did you mean") == names.npos) {
      names += ", and what a --plugin or --worker adds";
    }
    context_.Report(value, what + names);
  }

  void CheckNumber(const YamlNode& value, const SpecKey& key) {
    const YamlScalar scalar = ReadScalar(value);
    const bool is_integer = scalar.type == Type::kInteger && !scalar.is_large;
    const bool fits =
        key.kind == Kind::kInteger
            ? is_integer
            : scalar.type == Type::kInteger || scalar.type == Type::kNumber;
    if (!fits && scalar.type == Type::kNumber &&
        key.path == "spec.resources.cpu") {
      context_.Report(value, Shown(key) + " is " + value.text +
                                 ", and has to be a whole number: it is the "
                                 "slots that a task takes, and the threads "
                                 "that a library starts");
      return;
    }
    if (!fits) return Mismatch(value, key);
    CheckBounds(value, key, scalar.number);
  }

  void CheckBounds(const YamlNode& value, const SpecKey& key, double number) {
    if (number < key.at_least) {
      context_.Report(value, Shown(key) + " is " + value.text +
                                 ", and has to be at least " +
                                 NumberText(key.at_least));
    } else if (number > key.at_most) {
      context_.Report(value, Shown(key) + " is " + value.text +
                                 ", and may be at most " +
                                 NumberText(key.at_most));
    }
  }

  void CheckDuration(const YamlNode& value, const SpecKey& key) {
    const YamlScalar scalar = ReadScalar(value);
    const std::optional<Duration> duration = ParseDuration(value.text);
    const bool is_zero = duration == Duration::zero() ||
                         (scalar.type == Type::kInteger && scalar.number == 0);
    if (is_zero && key.path.starts_with("spec.timeout")) {
      context_.Report(value, Shown(key) +
                                 " is 0, which no task can keep; leave "
                                 "'timeout' out for no limit");
      return;
    }
    if (duration) return;
    if (value.text.starts_with('-')) {
      context_.Report(value, Shown(key) + " cannot be negative");
    } else if (scalar.type == Type::kInteger || scalar.type == Type::kNumber) {
      context_.Report(value, Shown(key) + " has no unit; write '" + value.text +
                                 "s' for seconds");
    } else {
      context_.Report(value, Shown(key) + ": expected " + Expectation(key) +
                                 ", found " + Found(value) +
                                 "; units are d, h, m, s, ms, us and ns, the "
                                 "larger first, 3650d at most");
    }
  }

  void CheckCount(const YamlNode& value, const SpecKey& key) {
    const YamlScalar scalar = ReadScalar(value);
    const std::optional<double> percent = ParsePercent(value.text);
    if (value.text.starts_with('-')) {
      context_.Report(value, Shown(key) + " cannot be negative");
    } else if (percent && *percent > 100) {
      context_.Report(value, Shown(key) + " is " + value.text +
                                 ", and may be at most 100%");
    } else if (!percent && (scalar.type != Type::kInteger || scalar.is_large)) {
      Mismatch(value, key);
    }
  }

  void CheckBytes(const YamlNode& value, const SpecKey& key) {
    const YamlScalar scalar = ReadScalar(value);
    const std::optional<uint64_t> bytes = ParseByteSize(value.text);
    if (value.text.starts_with('-')) {
      context_.Report(value, Shown(key) + " cannot be negative");
    } else if (scalar.type == Type::kInteger || scalar.type == Type::kNumber) {
      context_.Report(value, Shown(key) + " has no unit; write '" + value.text +
                                 "Mi' for units of 1024 * 1024");
    } else if (!bytes) {
      context_.Report(value, Shown(key) + ": expected " + Expectation(key) +
                                 ", found " + Found(value) +
                                 "; units are Ki, Mi, Gi and Ti of 1024, k, "
                                 "M, G and T of 1000");
    } else if (*bytes < kMemoryBytesMin || *bytes > kMemoryBytesMax) {
      context_.Report(value, Shown(key) + " is " + value.text +
                                 ", and has to be from " +
                                 ByteSizeText(kMemoryBytesMin) + " to " +
                                 ByteSizeText(kMemoryBytesMax));
    }
  }

  SpecContext& context_;
};

}  // namespace

void CheckShape(SpecContext& context, const YamlNode& document) {
  if (document.kind != YamlNode::Kind::kMap) {
    const bool empty = document.kind == YamlNode::Kind::kNull;
    context.Report(document,
                   (empty ? std::string("the document is empty; expected ")
                          : "found " + Found(document) + ", expected ") +
                       "a map with apiVersion, kind, metadata and spec");
    return;
  }
  ShapeChecker(context).CheckKeys(document, "");
}

}  // namespace remuda

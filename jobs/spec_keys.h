#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace remuda {

// One key of the spec. The parser, the JSON schema and docs/SPEC.md all come
// from the one table of these, so that they cannot disagree.
struct SpecKey {
  enum class Kind : uint8_t {
    kMap,      // of the keys that the table names under it
    kAnyMap,   // of keys that others check: `with`, `matrix`
    kTextMap,  // text to text: labels
    kList,     // of anything
    kTextList,
    kText,
    kName,  // text by the rule for names
    kWord,  // one of `words`
    kInteger,
    kNumber,
    kDuration,
    kCountOrPercent,
    kBytes,
    kAny,
  };

  std::string_view path;  // "spec.retry.backoff.initial"
  Kind kind = Kind::kAny;
  std::string_view meaning;          // one sentence
  std::string_view default_is = {};  // in words or as written; empty: none
  bool required = false;
  bool supported = true;          // else refused, with "not supported yet"
  std::string_view example = {};  // of a required key, for the error
  std::vector<std::string> words = {};
  double at_least = -std::numeric_limits<double>::infinity();
  double at_most = std::numeric_limits<double>::infinity();
};

// In the order in which people write them; parents before their children.
const std::vector<SpecKey>& SpecKeys();

// Null if the table has no such path.
const SpecKey* FindSpecKey(std::string_view path);

// The keys right under `path`; under the document itself for "".
std::vector<const SpecKey*> SpecKeysUnder(std::string_view path);

// The last part of a path.
std::string_view LastName(const SpecKey& key);

// "text", "a duration such as 30s": what an error expects of a value. A scalar
// key that has keys under it may be written as a map of those too.
std::string Expectation(const SpecKey& key);

}  // namespace remuda
